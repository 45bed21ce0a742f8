"""When an exporter that stands by may take the archive: not before whoever lost it has had time to return."""

import logging
import math
from collections.abc import Callable

import structlog

from exporter.archive.database import ArchiveError
from exporter.archive.leader_election import LeaderState

log = structlog.get_logger()

LOOK = 1.0
"""Seconds between two looks at the archive."""

REJOIN_GRACE_S = 8.0
"""Seconds in which an exporter that lost its session notices (`writer.BEAT`) and has another."""

RETURNING_LATE = 45.0
"""The same after the database was away: by then it tries every half a minute (`writer.LONGEST_RETRY`)."""

SILENCE = 180.0
"""Seconds without a sign of life after which an exporter that has the archive hangs, or was stopped."""

SUSPENDED = 30.0
"""Seconds between two looks after which it was we who did nothing: the other one has as long again."""

CHECK = 15.0
"""Seconds between two checks, while another polls, whether this exporter could load the archive."""

TAKEN = "another exporter polls this account"
LOST = "another exporter may come back to this account"
UNDECIDED = "the database is away that says who polls this account"


class Standby:
    """Asked every second or so whether to take the archive. Times are UNIX seconds."""

    def __init__(
        self,
        look: Callable[[], LeaderState],
        sign_of_life: Callable[[], object] = object,
        end_silent: Callable[[], object] = lambda: None,
        require_loadable: Callable[[], object] = lambda: None,
    ) -> None:
        """Decide by looks at the archive; all four functions may raise ArchiveError.

        Args:
            look: Returns who has the archive.
            sign_of_life: Returns what changes while the one that has it works.
            end_silent: Ends the session of one that does not.
            require_loadable: Raises ArchiveError if this exporter could not load the archive.
        """
        self._look, self._sign_of_life, self._end_silent = look, sign_of_life, end_silent
        self._require_loadable = require_loadable
        self._problem, self._checked_at = "", -math.inf
        self._sign: object = None
        self._sign_at = self._looked_at = -math.inf
        self._patience = REJOIN_GRACE_S
        self._lost_at: float | None = None
        self.spent_until = -math.inf
        """Up to when another may have polled."""
        self.reason = UNDECIDED
        """Why it is not our turn, in a few words."""

    def may_take_over(self, now: float) -> bool:
        try:
            found = self._look()
        except ArchiveError:
            self._patience, self._lost_at = RETURNING_LATE, None
            return self._stand_by(UNDECIDED)
        if found is LeaderState.HELD:
            self._patience, self._lost_at = REJOIN_GRACE_S, None
            self._require_life(now)
            if now - self._checked_at >= CHECK:
                self._check(now)
            return self._stand_by(self._problem or TAKEN)
        if found is not LeaderState.NEVER_HELD:
            self._lost_at = self.spent_until = now if self._lost_at is None else self._lost_at
        if found is LeaderState.LOST and now - self.spent_until < self._patience:
            return self._stand_by(self._problem or LOST)
        self._check(now)
        return not self._problem or self._stand_by(self._problem)

    def failed(self, error: ArchiveError) -> None:
        """The archive could not be loaded although it was our turn."""
        self.reason = _cannot_load(error)

    def _check(self, now: float) -> None:
        """Look whether this exporter could load the archive: it takes no lock that it could not use."""
        self._checked_at = now
        try:
            self._require_loadable()
        except ArchiveError as error:
            self._problem = _cannot_load(error)
        else:
            self._problem = ""

    def _require_life(self, now: float) -> None:
        """End the session of an exporter that has the archive and does nothing."""
        suspended, self._looked_at = now - self._looked_at > SUSPENDED, now
        try:
            sign = self._sign_of_life()
            if suspended or sign != self._sign:
                self._sign, self._sign_at = sign, now
            elif now - self._sign_at >= SILENCE:
                self._sign_at = now
                if self._end_silent():
                    log.warning("session of a silent exporter ended", silent_for=f"{SILENCE:.0f}s")
        except ArchiveError as error:
            log.warning("session of a silent exporter not ended", problem=str(error))

    def _stand_by(self, why: str) -> bool:
        if why != self.reason:
            log.log(logging.ERROR if why == self._problem else logging.INFO, "standing by", why=why)
        self.reason = why
        return False


def _cannot_load(error: ArchiveError) -> str:
    return f"this exporter cannot load the archive: {error}"
