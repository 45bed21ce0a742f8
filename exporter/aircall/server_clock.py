"""Aircall's time, from three sources: the `Date` of its answers, this machine's clock, and the calls.

Either of the first two may be wrong: one of Aircall's servers, or a machine without NTP. So no single answer
decides what time it is. A call that has begun proves that a clock is behind if that says that it has not. A
call may be dated wrongly as well, so most single calls do not prove anything either.

All times passed in are seconds of our steady clock (`exporter.clock`). A lead is the number of seconds to add
to them to get another clock's time.
"""

import math
from collections.abc import Callable, Iterable

MIN_CONFIRMATIONS = 3
"""Answers that have to agree on a time before it is believed: one server may be wrong. So may one call."""

AGREEMENT_S = 30.0
"""Seconds within which two clocks agree. That is half of `account.calls.LATE`, by which what is noted as read
stays behind the present: no call is missed because a clock is wrong by so little."""

SETTLE_S = 900.0
"""Seconds after which another `Date` is believed although nothing else speaks for it."""

SLACK_S = 5.0
"""Seconds by which a call must be later than a clock to prove that clock wrong."""

RECENT = 300.0
"""Seconds after its start by one of the two clocks, in which a single call proves the other one wrong."""

KEEP_S = 3600.0
"""Seconds after which a later call replaces the one that proved most so far: clocks drift apart."""

MAX_MISDATED = 1000
"""Starts of calls dated wrongly that are remembered."""

Bounds = tuple[float, float]


class ServerClock:
    """How far Aircall's clock leads ours.

    As long as `Date` and the machine's clock agree, `Date` decides. Otherwise the earlier one does, because
    nothing is stored as read that has not happened yet, unless a call proves that one wrong.
    """

    def __init__(self, wall_ahead: Callable[[], float] = lambda: 0.0) -> None:
        """Compare `Date` with the wall clock, whose lead `wall_ahead` returns."""
        self._wall_ahead = wall_ahead
        self._date: Bounds | None = None
        self._agreeing = 0
        self._other: Bounds | None = None
        self._other_agreeing = 0
        self._other_since = 0.0
        self._call_lead = self._call_start = self._call_seen = -math.inf
        self._misdated: set[int] = set()
        """Starts that were later than every clock when they were listed. They prove nothing later either."""
        self._claims: dict[int, tuple[float, float]] = {}
        """By start, the leads that enough calls prove together, and when each was seen first."""
        self._looked = False

    # What is known -------------------------------------------------------------------------------

    @property
    def known(self) -> bool:
        """Whether any answer has had a `Date`."""
        return self._date is not None or self._other is not None

    @property
    def date_ahead(self) -> float | None:
        """By how much `Date` leads our clock, in seconds; None until it is believed.

        It is the smallest lead that explains the answers, 0 if the clocks may be equal.
        """
        return None if self._date is None else _smallest(self._date)

    @property
    def confirmed_ahead(self) -> float | None:
        """The same; None also until several answers have agreed on it."""
        return self.date_ahead if self._agreeing >= MIN_CONFIRMATIONS else None

    @property
    def ahead(self) -> float:
        """By how much Aircall's clock leads ours, in seconds, as far as it is known."""
        told, wall = self._date or self._other, self._wall_ahead()
        if told is None:
            return wall
        date = _smallest(told)
        if abs(date - wall) <= AGREEMENT_S:
            return date
        return min((lead for lead in (date, wall) if not self._is_disproved(lead)), default=date)

    @property
    def machine_ahead(self) -> float:
        """Seconds by which the machine's clock leads `Date`; 0 if they agree or if `Date` is not known."""
        date = self.date_ahead
        ahead = 0.0 if date is None else self._wall_ahead() - date
        return ahead if abs(ahead) > AGREEMENT_S else 0.0

    @property
    def agree(self) -> bool:
        """Whether `Date` is known and the machine's clock agrees with it."""
        return self._date is not None and self.machine_ahead == 0

    @property
    def in_doubt(self) -> bool:
        """Whether to look at the newest call before anything is decided by the time."""
        if self._looked:
            return False
        told = self._date or self._other
        if told is None:
            return True
        agree = abs(_smallest(told) - self._wall_ahead()) <= AGREEMENT_S
        return not agree and (self._date is None or self._call_seen == -math.inf)

    # What is learned -----------------------------------------------------------------------------

    def observe(self, date: float, sent: float, received: float) -> None:
        """Learn from an answer asked for at `sent`, received at `received`, and dated `date` (UNIX seconds).

        `Date` is cut to whole seconds: Aircall's clock stood between `date` and a second later at some
        moment between the two.
        """
        told = date - received, date + 1 - sent
        known = _both(self._date, told) if self._date else None
        if known is not None:
            self._date, self._agreeing, self._other = known, self._agreeing + 1, None
            return
        again = _both(self._other, told) if self._other else None
        if again is None:
            self._other_agreeing, self._other_since = 0, received
        other, self._other_agreeing = again or told, self._other_agreeing + 1
        if self._is_believable(_smallest(other), received):
            self._date, self._agreeing, self._other = other, self._other_agreeing, None
        else:
            self._other = other

    def calls_began(self, starts: Iterable[int], seen: float) -> None:
        """Learn from calls that were listed by `seen`; see `call_began`."""
        for start in sorted(starts):
            self.call_began(start, seen)

    def call_began(self, start: int, seen: float) -> None:
        """Learn from a call that began at `start` (UNIX seconds, Aircall's clock) and was listed by `seen`.

        A start that is later than every clock proves nothing: that call is dated wrongly. Otherwise a call
        proves a clock wrong if it began within `RECENT` by the other one, and if not, `CONFIRMED` calls do.
        """
        lead, wall, told = start - seen, self._wall_ahead(), self._date or self._other
        clocks = [wall] if told is None else [wall, _smallest(told)]
        latest = max(clocks) if self._other is None else max(*clocks, _smallest(self._other))
        if lead > latest + SLACK_S and len(self._misdated) < MAX_MISDATED:
            self._misdated.add(start)
        if lead > latest + SLACK_S or start in self._misdated:
            return
        is_recent = any(clock - RECENT <= lead <= clock + SLACK_S for clock in clocks)
        if lead <= min(clocks) + SLACK_S or is_recent:
            self._proved(lead, start, seen)
            return
        self._claims = {begun: claim for begun, claim in self._claims.items() if seen - claim[1] <= KEEP_S}
        self._claims.setdefault(start, (lead, seen))
        claims = sorted((lead, begun, at) for begun, (lead, at) in self._claims.items())
        if len(claims) >= MIN_CONFIRMATIONS:
            self._proved(*claims[-MIN_CONFIRMATIONS])

    def _proved(self, lead: float, start: float, seen: float) -> None:
        later = start > self._call_start and seen - self._call_seen > KEEP_S
        if lead >= self._call_lead or later:
            self._call_lead, self._call_start, self._call_seen = lead, start, seen

    def looked(self) -> None:
        """The newest call has been looked at, if there is any: that does not have to be done again."""
        self._looked = True

    def _is_believable(self, other: float, now: float) -> bool:
        """Whether another lead of `Date` is believed now, instead of the one that was before."""
        confirmed = self._other_agreeing >= MIN_CONFIRMATIONS
        agrees = abs(other - self._wall_ahead()) <= AGREEMENT_S and not self._is_disproved(other)
        if self._date is None:
            return agrees or confirmed
        proved = self._is_disproved(_smallest(self._date))
        return confirmed and (agrees or proved or now - self._other_since >= SETTLE_S)

    def _is_disproved(self, lead: float) -> bool:
        """Whether a call has begun that would be in the future by a clock with this lead."""
        return self._call_lead > lead + SLACK_S


def _smallest(told: Bounds) -> float:
    return min(max(0.0, told[0]), told[1])


def _both(one: Bounds, other: Bounds) -> Bounds | None:
    low, high = max(one[0], other[0]), min(one[1], other[1])
    return (low, high) if low <= high else None
