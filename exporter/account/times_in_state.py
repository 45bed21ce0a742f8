"""Collect the time that users spend signed in, by state, for the archive and its reports.

Each interval is one row of the archive. An interval that goes on is saved once per minute, and ends after an
hour at most, so a search knows how far back an interval may begin. Time offline, and time without
observations, is not saved.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from exporter.account.presence import Spent, State
from exporter.aircall.data_limits import Limit

MAX_LENGTH_S = 3600
"""The longest interval in seconds, without the time between its last two observations."""

SAVE_INTERVAL_S = 60.0
"""Seconds after which the intervals that go on are saved again."""

MAX_CLOCK_CHANGE_S = 2.0
"""Seconds by which Aircall's clock may be adjusted during an interval. After a larger change, the interval
ends, because times from before and after cannot be compared."""

MAX_UNSAVED = 100_000
"""Intervals that wait to be saved."""

SIGNED_IN: frozenset[State] = frozenset({"available", "do_not_disturb", "in_call", "after_call_work"})
"""The states whose time is saved."""


class TimeInState(NamedTuple):
    """An interval in which a user was in a state, in UNIX seconds on Aircall's clock."""

    user_id: int
    since: int
    until: int
    state: str
    team_ids: tuple[str, ...]
    """The ids of the user's teams when it was saved last."""


Key = tuple[int, int]
"""The user's id, and the start of the interval."""


@dataclass(slots=True)
class _Interval:
    """An interval as it was observed, in UNIX seconds on our clock."""

    user_id: int
    state: State
    since: float
    until: float
    ahead: float | None = None
    """Seconds by which Aircall's clock was ahead of ours when it was taken first, None until then."""
    saved_until: float = 0.0
    team_ids: tuple[str, ...] = ()


class TimesInState:
    """The intervals that are to be saved."""

    def __init__(self, exceeded: Counter[Limit]) -> None:
        """Begin without intervals. `exceeded` counts those beyond the limit, which are lost."""
        self._exceeded = exceeded
        self._current: dict[int, _Interval] = {}
        self._ended: list[_Interval] = []
        self._taken_back: dict[Key, TimeInState] = {}
        self._save_at = 0.0

    def add(self, user_id: int, spent: Spent | None) -> None:
        """Add the time between two observations of a user. None adds nothing."""
        if spent is None:
            return
        current = self._current.get(user_id)
        if current is not None:
            is_next = (current.state, current.until) == (spent.state, spent.since)
            if is_next and current.until - current.since < MAX_LENGTH_S:
                current.until = spent.until
                return
            self._end(current)
        if spent.state in SIGNED_IN:
            self._current[user_id] = _Interval(user_id, *spent)

    def remove(self, user_ids: Set[int]) -> None:
        """End the intervals of users who are no longer listed."""
        for user_id in self._current.keys() & user_ids:
            self._end(self._current[user_id])

    def _end(self, interval: _Interval) -> None:
        del self._current[interval.user_id]
        if len(self._ended) < MAX_UNSAVED:
            self._ended.append(interval)
        else:
            self._exceeded["times_in_state"] += 1

    def take(
        self,
        now: float,
        ahead: float,
        teams_of: Callable[[int], tuple[str, ...] | None],
        is_excluded: Callable[[int], bool | None],
    ) -> dict[Key, TimeInState]:
        """Return the intervals that are to be saved now.

        Args:
            now: The time (UNIX seconds, Aircall's clock).
            ahead: Seconds by which Aircall's clock is ahead of ours.
            teams_of: Returns the ids of a user's teams, or None if they are unknown.
            is_excluded: Returns whether a user's time is not saved, or None if that is not known yet. It is
                then forgotten, also if the user is no longer excluded later.
        """
        taken, self._taken_back = self._taken_back, {}
        due, self._ended = self._ended, []
        is_due = not self._save_at - SAVE_INTERVAL_S <= now < self._save_at
        if is_due:
            self._save_at = now + SAVE_INTERVAL_S
        for interval in list(self._current.values()):
            if is_excluded(interval.user_id):
                del self._current[interval.user_id]
            elif interval.ahead is not None and abs(ahead - interval.ahead) > MAX_CLOCK_CHANGE_S:
                due.append(self._current.pop(interval.user_id))
            elif is_due:
                due.append(interval)
        for interval in due:
            excluded = is_excluded(interval.user_id)
            if excluded is None and interval is not self._current.get(interval.user_id):
                self._ended.append(interval)
            elif excluded is False and (time := _dated(interval, ahead, teams_of)):
                taken[time.user_id, time.since] = time
        return taken

    def take_back(self, times: Mapping[Key, TimeInState]) -> None:
        """Keep these intervals again: the archive had no room."""
        kept = {**times, **self._taken_back}
        self._exceeded["times_in_state"] += max(0, len(kept) - MAX_UNSAVED)
        self._taken_back = dict(islice(kept.items(), MAX_UNSAVED))


def _dated(
    interval: _Interval, ahead: float, teams_of: Callable[[int], tuple[str, ...] | None]
) -> TimeInState | None:
    """Return an interval on Aircall's clock, or None if it has no time that was not taken.

    All of an interval is dated with the same lead of the clock, so its length is that which was observed.
    """
    if interval.ahead is None:
        interval.ahead = ahead
    since, until = round(interval.since + interval.ahead), round(interval.until + interval.ahead)
    if until <= since or interval.until <= interval.saved_until:
        return None
    interval.saved_until = interval.until
    teams = teams_of(interval.user_id)
    interval.team_ids = interval.team_ids if teams is None else teams
    return TimeInState(interval.user_id, since, until, interval.state, interval.team_ids)
