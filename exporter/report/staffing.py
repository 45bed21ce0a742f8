"""Add up the time that users are signed in, by interval and group."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from exporter.account.times_in_state import TimeInState

HANDLING = ("in_call", "after_call_work")
"""The states in which a user handles a call."""


class UserGrouping(Protocol):
    """The groups to which the time of users belongs."""

    def groups_of_user(self, time: TimeInState, /) -> Sequence[str]:
        """Return the ids of the groups of a user at that time."""


@dataclass(slots=True)
class Staffing:
    """The time that the users of one group were signed in, in one interval."""

    seconds: Counter[str] = field(default_factory=Counter)
    """By state."""

    @property
    def staffed(self) -> int:
        """Seconds in any state but offline."""
        return self.seconds.total()

    @property
    def available(self) -> int:
        """Seconds in which calls could be routed to the users."""
        return self.seconds["available"]

    @property
    def occupancy(self) -> float | None:
        """Share of calls and after-call work in these and the available time, or None without such time."""
        handling = sum(self.seconds[state] for state in HANDLING)
        return handling / (handling + self.available) if handling + self.available else None


def add_up_times(
    times: Iterable[TimeInState], starts: Sequence[int], grouping: UserGrouping
) -> dict[str, dict[int, Staffing]]:
    """Return the time by group and by the position of the interval, where there is any.

    Args:
        times: The time of the users, within the time range.
        starts: The starts of the intervals (UNIX seconds), ascending.
        grouping: The groups.
    """
    found: dict[str, dict[int, Staffing]] = {}
    for time in times:
        groups = grouping.groups_of_user(time)
        for position, seconds in _split(time, starts) if groups else ():
            for group in groups:
                staffing = found.setdefault(group, {}).setdefault(position, Staffing())
                staffing.seconds[time.state] += seconds
    return found


def _split(time: TimeInState, starts: Sequence[int]) -> Iterable[tuple[int, int]]:
    """Yield the seconds in each interval by its position."""
    position, begun = bisect_right(starts, time.since) - 1, time.since
    while begun < time.until:
        following = starts[position + 1] if position + 1 < len(starts) else time.until
        ended = min(time.until, following)
        yield position, ended - begun
        position, begun = position + 1, ended
