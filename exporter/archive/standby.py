"""Decide when a standby exporter may take over: not before the previous leader has had time to return."""

import logging
import math
from collections.abc import Callable

import structlog

from exporter.archive.database import ArchiveError
from exporter.archive.leader_election import LeaderState

log = structlog.get_logger()

CHECK_INTERVAL_S = 1.0
"""Seconds between two checks of who leads."""

REJOIN_GRACE_S = 8.0
"""Seconds in which a leader that lost its session notices (`HEARTBEAT_INTERVAL_S`) and opens another."""

LATE_REJOIN_GRACE_S = 45.0
"""The same after the database was unavailable. By then the leader retries every `writer_thread.MAX_RETRY_S`
seconds."""

SILENCE_S = 180.0
"""Seconds without activity after which the leader counts as hung or suspended."""

SUSPENDED_AFTER_S = 30.0
"""Seconds between two checks from which on this exporter itself was suspended: the silence then restarts."""

LOADABLE_CHECK_INTERVAL_S = 15.0
"""Seconds between two checks whether this exporter could load the archive, while another leads."""

TAKEN = "another exporter polls this account"
LOST = "another exporter may return to this account"
UNDECIDED = "the database that determines who polls this account is unavailable"


class Standby:
    """Decide whether to take over; asked about every second. Times are UNIX seconds."""

    def __init__(
        self,
        leader_state: Callable[[], LeaderState],
        leader_activity: Callable[[], object] = object,
        end_silent: Callable[[], object] = lambda: None,
        require_loadable: Callable[[], object] = lambda: None,
    ) -> None:
        """Check the archive by these functions. All of them may raise ArchiveError.

        Args:
            leader_state: Returns whether another exporter leads.
            leader_activity: Returns a value that changes while the leader works, and if another one leads.
            end_silent: Ends the session of a leader that does not.
            require_loadable: Raises ArchiveError if this exporter could not load the archive.
        """
        self._leader_state, self._leader_activity = leader_state, leader_activity
        self._end_silent = end_silent
        self._require_loadable = require_loadable
        self._problem, self._checked_at = "", -math.inf
        self._activity: object = None
        self._active_at = self._checked_leader_at = -math.inf
        self._grace = REJOIN_GRACE_S
        self._lost_at: float | None = None
        self.spent_until = -math.inf
        """Until when another exporter may have polled."""
        self.reason = UNDECIDED
        """Why this exporter may not take over."""

    def may_take_over(self, now: float) -> bool:
        """Return whether this exporter may become the leader `now`. If not, `reason` says why."""
        try:
            found = self._leader_state()
        except ArchiveError:
            self._grace, self._lost_at = LATE_REJOIN_GRACE_S, None
            return self._refuse(UNDECIDED)
        if found is LeaderState.HELD:
            self._grace, self._lost_at = REJOIN_GRACE_S, None
            self._end_if_silent(now)
            if now - self._checked_at >= LOADABLE_CHECK_INTERVAL_S:
                self._check(now)
            return self._refuse(self._problem or TAKEN)
        if found is not LeaderState.NEVER_HELD:
            self._lost_at = self.spent_until = now if self._lost_at is None else self._lost_at
        if found is LeaderState.LOST and now - self.spent_until < self._grace:
            return self._refuse(self._problem or LOST)
        self._check(now)
        return not self._problem or self._refuse(self._problem)

    def failed(self, error: ArchiveError) -> None:
        """Record that the archive could not be loaded."""
        self.reason = _cannot_load(error)

    def _check(self, now: float) -> None:
        """Check whether this exporter could load the archive. If not, it must not take the lock."""
        self._checked_at = now
        try:
            self._require_loadable()
        except ArchiveError as error:
            self._problem = _cannot_load(error)
        else:
            self._problem = ""

    def _end_if_silent(self, now: float) -> None:
        """End the session of a leader that shows no activity."""
        suspended, self._checked_leader_at = now - self._checked_leader_at > SUSPENDED_AFTER_S, now
        try:
            activity = self._leader_activity()
            if suspended or activity != self._activity:
                self._activity, self._active_at = activity, now
            elif now - self._active_at >= SILENCE_S:
                self._active_at = now
                if self._end_silent():
                    log.warning("session of a silent exporter ended", silent_for=f"{SILENCE_S:.0f}s")
        except ArchiveError as error:
            log.warning("session of a silent exporter not ended", problem=str(error))

    def _refuse(self, why: str) -> bool:
        if why != self.reason:
            log.log(logging.ERROR if why == self._problem else logging.INFO, "on standby", why=why)
        self.reason = why
        return False


def _cannot_load(error: ArchiveError) -> str:
    return f"this exporter cannot load the archive: {error}"
