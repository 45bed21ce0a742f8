"""Add up calls by interval and group, with the sums and rules of the boards."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence, Sized
from dataclasses import dataclass, field
from typing import Protocol

from exporter.account.kpi_rules import ServiceRule
from exporter.account.period import InboundTally, Tally
from exporter.archive.reported_calls import ReportedCall
from exporter.report.repeats import Repeats


class TooManyGroupsError(Exception):
    """There are more rows than allowed, because of the number of `groups`."""

    def __init__(self, groups: int) -> None:
        super().__init__(f"{groups} groups")
        self.groups = groups


class Grouping(Protocol):
    """The groups for which calls are added up, and the rules by which they count."""

    def group_of(self, reported: ReportedCall, /) -> str | None:
        """Return the id of the group of a call, or None if the call is left out."""

    def rule_of(self, reported: ReportedCall, /) -> ServiceRule:
        """Return the rule of the service level by which a call counts."""


@dataclass(slots=True)
class Sums:
    """Sums over the calls of one group in one interval. Seconds are whole."""

    tally: Tally = field(default_factory=lambda: Tally.empty(1))
    talk_seconds: int = 0
    inbound_talk_seconds: int = 0
    longest_wait: int | None = None
    """The longest time until an answer or until the end of a missed call, of calls that count."""
    repeats: Repeats = field(default_factory=Repeats)
    after_call_work: int = 0
    """The known after-call work of answered inbound calls."""
    wrapped_up: int = 0
    """The answered inbound calls whose after-call work is known."""

    def count(self, reported: ReportedCall, rule: ServiceRule) -> None:
        """Add a done call."""
        call = reported.call
        self.tally.count(call, (rule,))
        if reported.repeat is not None:
            self.repeats.count(reported.repeat)
        outcome, inbound = call.outcome, call.direction == "inbound"
        if outcome == "answered":
            self.talk_seconds += call.talk_time
        if inbound and outcome == "answered":
            self.inbound_talk_seconds += call.talk_time
            self._waited(call.time_to_answer)
            if reported.after_call_work is not None:
                self.after_call_work += reported.after_call_work
                self.wrapped_up += 1
        elif outcome == "missed" and not rule.ignores(call):
            self._waited(call.wait)

    def _waited(self, seconds: int) -> None:
        if self.longest_wait is None or seconds > self.longest_wait:
            self.longest_wait = seconds

    @property
    def inbound(self) -> InboundTally:
        """The inbound calls that count."""
        return InboundTally.of(self.tally, self.tally)

    @property
    def average_handle(self) -> float | None:
        """The average talk time and known after-call work of answered inbound calls in seconds, or None."""
        answered = self.tally.inbound_answered
        return (self.inbound_talk_seconds + self.after_call_work) / answered if answered else None

    @property
    def average_after_call_work(self) -> float | None:
        """The average of the answered inbound calls of which it is known, in seconds, or None."""
        return self.after_call_work / self.wrapped_up if self.wrapped_up else None


def add_up(
    calls: Iterable[ReportedCall], starts: Sequence[int], grouping: Grouping, max_rows: int
) -> dict[str, dict[int, Sums]]:
    """Return the sums by group and by the position of the interval, where there are calls.

    Args:
        calls: Done calls of the time range.
        starts: The starts of the intervals (UNIX seconds), ascending.
        grouping: The groups.
        max_rows: The most rows, one for each interval and group.

    Raises:
        TooManyGroupsError: There would be more rows.
    """
    found: dict[str, dict[int, Sums]] = {}
    most_groups = max_rows // len(starts)
    for reported in calls:
        group = grouping.group_of(reported)
        if group is None:
            continue
        intervals = found.setdefault(group, {})
        if len(found) > most_groups:
            continue  # only to count the groups
        position = bisect_right(starts, reported.call.started_at) - 1
        sums = intervals.get(position)
        if sums is None:
            sums = intervals[position] = Sums()
        sums.count(reported, grouping.rule_of(reported))
    require_few_groups(found, starts, max_rows)
    return found


def require_few_groups(groups: Sized, starts: Sized, max_rows: int) -> None:
    """Raise TooManyGroupsError if there are more groups than there may be rows in each interval."""
    if len(groups) > max_rows // len(starts):
        raise TooManyGroupsError(len(groups))
