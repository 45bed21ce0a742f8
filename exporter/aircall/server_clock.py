"""Estimate Aircall's time from the `Date` of its responses, this machine's clock, and the starts of calls.

`Date` may be wrong on one of Aircall's servers, and the machine may lack NTP. So no single response decides
the time. If a call has begun that is in the future by a clock, that clock is behind. But calls may be dated
wrongly, too, so most single calls prove nothing.

All times passed in are seconds of our steady clock (`exporter.clock`). A lead is the number of seconds to add
to them to get another clock's time.
"""

import math
from collections.abc import Callable, Iterable

MIN_CONFIRMATIONS = 3
"""Responses, or calls, that have to agree on a time before it is believed."""

AGREEMENT_S = 30.0
"""Seconds within which two clocks agree.

It is half of `LATE_ARRIVAL_S`, by which recorded coverage stays behind the present. So such a small error of
a clock does not make the exporter miss calls."""

SETTLE_S = 900.0
"""Seconds after which a different `Date` is believed without other evidence."""

SLACK_S = 5.0
"""Seconds by which a call must be later than a clock to prove that clock wrong."""

RECENT_START_S = 300.0
"""Seconds after its start, by one of the two clocks, in which a single call proves the other clock wrong."""

KEEP_S = 3600.0
"""Seconds after which a later call replaces the one that proved the largest lead, because clocks drift."""

MAX_MISDATED = 1000
"""Starts of wrongly dated calls that are remembered."""

Bounds = tuple[float, float]


class ServerClock:
    """Estimates the lead of Aircall's clock.

    As long as `Date` and the machine's clock agree, `Date` decides. Otherwise the earlier clock decides,
    unless a call proves it wrong. So the future is never recorded as fetched.
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
        """Starts that were later than every clock when listed. They are not used as evidence later either."""
        self._claims: dict[int, tuple[float, float]] = {}
        """By start, the largest leads that calls prove if there are enough of them, and when each was seen.

        There are at most `MIN_CONFIRMATIONS`: no other one decides, however many calls are fetched."""
        self._has_newest_call = False

    # Results -------------------------------------------------------------------------------------

    @property
    def known(self) -> bool:
        """Whether any response had a `Date`."""
        return self._date is not None or self._other is not None

    @property
    def date_ahead(self) -> float | None:
        """The lead of `Date` in seconds; None until it is believed.

        It is the smallest lead that explains the responses, and 0 if the clocks may be equal.
        """
        return None if self._date is None else _smallest(self._date)

    @property
    def confirmed_ahead(self) -> float | None:
        """The lead of `Date` in seconds; None until several responses agree on it."""
        return self.date_ahead if self._agreeing >= MIN_CONFIRMATIONS else None

    @property
    def ahead(self) -> float:
        """The best estimate of the lead of Aircall's clock, in seconds."""
        bounds, wall = self._date or self._other, self._wall_ahead()
        if bounds is None:
            return wall
        date = _smallest(bounds)
        if abs(date - wall) <= AGREEMENT_S:
            return date
        return min((lead for lead in (date, wall) if not self._is_disproved(lead)), default=date)

    @property
    def machine_ahead(self) -> float:
        """Seconds by which the machine's clock is ahead of `Date`; 0 if they agree or `Date` is unknown."""
        date = self.date_ahead
        ahead = 0.0 if date is None else self._wall_ahead() - date
        return ahead if abs(ahead) > AGREEMENT_S else 0.0

    @property
    def agree(self) -> bool:
        """Whether `Date` is known and the machine's clock agrees with it."""
        return self._date is not None and self.machine_ahead == 0

    @property
    def follows_date(self) -> bool:
        """Whether the estimate is that of a believed `Date`, or no response has had one."""
        if self._date is None:
            return self._other is None
        return abs(self.ahead - _smallest(self._date)) <= AGREEMENT_S

    @property
    def in_doubt(self) -> bool:
        """Whether to fetch the newest call before any decision that depends on the time."""
        if self._has_newest_call:
            return False
        bounds = self._date or self._other
        if bounds is None:
            return True
        agree = abs(_smallest(bounds) - self._wall_ahead()) <= AGREEMENT_S
        return not agree and (self._date is None or self._call_seen == -math.inf)

    # Evidence ------------------------------------------------------------------------------------

    def observe(self, date: float, sent: float, received: float) -> None:
        """Take in the `Date` of a response (UNIX seconds), and when it was requested and received.

        `Date` is cut to whole seconds. So at some moment between `sent` and `received`, Aircall's clock was
        between `date` and one second later.
        """
        bounds = date - received, date + 1 - sent
        known = _both(self._date, bounds) if self._date else None
        if known is not None:
            self._date, self._agreeing, self._other = known, self._agreeing + 1, None
            return
        again = _both(self._other, bounds) if self._other else None
        if again is None:
            self._other_agreeing, self._other_since = 0, received
        other, self._other_agreeing = again or bounds, self._other_agreeing + 1
        if self._is_believable(_smallest(other), received):
            self._date, self._agreeing, self._other = other, self._other_agreeing, None
        else:
            self._other = other

    def calls_began(self, starts: Iterable[int], seen: float) -> None:
        """Take in the starts of calls that were listed by `seen`; see `call_began`."""
        for start in sorted(starts):
            self.call_began(start, seen)

    def call_began(self, start: int, seen: float) -> None:
        """Take in a call that began at `start` (UNIX seconds, Aircall's clock) and was listed by `seen`.

        If the start is later than every clock, the call is dated wrongly and proves nothing. Otherwise a
        single call proves a clock wrong if it began within `RECENT_START_S` by the other clock. Of older
        calls, `MIN_CONFIRMATIONS` are required.
        """
        lead, wall, bounds = start - seen, self._wall_ahead(), self._date or self._other
        clocks = [wall] if bounds is None else [wall, _smallest(bounds)]
        latest = max(clocks) if self._other is None else max(*clocks, _smallest(self._other))
        if lead > latest + SLACK_S and len(self._misdated) < MAX_MISDATED:
            self._misdated.add(start)
        if lead > latest + SLACK_S or start in self._misdated:
            return
        is_recent = any(clock - RECENT_START_S <= lead <= clock + SLACK_S for clock in clocks)
        if lead <= min(clocks) + SLACK_S or is_recent:
            self._proved(lead, start, seen)
            return
        self._claims = {begun: claim for begun, claim in self._claims.items() if seen - claim[1] <= KEEP_S}
        self._claims.setdefault(start, (lead, seen))
        claims = sorted((lead, begun, at) for begun, (lead, at) in self._claims.items())[-MIN_CONFIRMATIONS:]
        self._claims = {begun: (lead, at) for lead, begun, at in claims}
        if len(claims) == MIN_CONFIRMATIONS:
            self._proved(*claims[0])

    def _proved(self, lead: float, start: float, seen: float) -> None:
        later = start > self._call_start and seen - self._call_seen > KEEP_S
        if lead >= self._call_lead or later:
            self._call_lead, self._call_start, self._call_seen = lead, start, seen

    def newest_call_fetched(self) -> None:
        """Record that the newest call, if there is any, was fetched, and need not be fetched again."""
        self._has_newest_call = True

    def _is_believable(self, other: float, now: float) -> bool:
        """Return whether a different lead of `Date` is believed now."""
        confirmed = self._other_agreeing >= MIN_CONFIRMATIONS
        agrees = abs(other - self._wall_ahead()) <= AGREEMENT_S and not self._is_disproved(other)
        if self._date is None:
            return agrees or confirmed
        proved = self._is_disproved(_smallest(self._date))
        return confirmed and (agrees or proved or now - self._other_since >= SETTLE_S)

    def _is_disproved(self, lead: float) -> bool:
        """Return whether a call has begun that is in the future by a clock with this lead."""
        return self._call_lead > lead + SLACK_S


def _smallest(bounds: Bounds) -> float:
    return min(max(0.0, bounds[0]), bounds[1])


def _both(one: Bounds, other: Bounds) -> Bounds | None:
    low, high = max(one[0], other[0]), min(one[1], other[1])
    return (low, high) if low <= high else None
