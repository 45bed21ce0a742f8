"""Define a report and its rows, and make them from the archive. Durations are seconds."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection

from exporter.account.day import zone_of
from exporter.account.directory import NamedRef
from exporter.archive.reported_calls import (
    Part,
    archived_directory,
    count_with_inferred_teams,
    count_without_teams,
    reported_calls,
)
from exporter.archive.reported_times import reported_times
from exporter.config.settings import Settings
from exporter.report.call_sums import Sums, TooManyGroupsError, add_up, require_few_groups
from exporter.report.groups import GROUPINGS
from exporter.report.intervals import local_time, starts_of
from exporter.report.parameters import MAX_ROWS, By, ReportRequest, too_many_rows
from exporter.report.repeats import DAY_S, WEEK_S
from exporter.report.staffing import Staffing, add_up_times


class ReportRow(msgspec.Struct, frozen=True):
    """The figures of a group in an interval.

    Figures that do not exist for the group are null, and so are averages and ratios without calls.
    """

    start: str
    """ISO 8601, local time with its offset."""
    end: str
    """Not included."""
    id: str
    name: str
    offered: int | None
    """Inbound calls that count for the service level."""
    inbound: int | None
    """All inbound calls."""
    answered: int
    missed: int | None
    abandoned: int | None
    service_level: float | None
    average_answer_seconds: float | None
    average_abandon_seconds: float | None
    longest_wait_seconds: int | None
    average_handle_seconds: float | None
    """Talk time of answered inbound calls, hold included, and their after-call work as far as it is known."""
    average_after_call_work_seconds: float | None
    """Of the answered inbound calls of which it is known, from events."""
    called_again_day: float | None
    """Share of answered inbound calls whose caller called again within a day of the end."""
    called_again_week: float | None
    """Of calls at least so long ago, without callers who hide their number."""
    outbound: int
    talk_seconds: int
    """Of all answered calls, inbound and outbound."""
    staffed_seconds: int | None
    """How long the users of the group were signed in, added up. Null if that was not observed."""
    available_seconds: int | None
    """How long of it they were available."""
    occupancy: float | None
    """Time in calls and after-call work, as a share of this and the available time."""


class Report(msgspec.Struct, frozen=True):
    """A report. The rows are sorted by interval, then by name.

    There are none without calls and time of users.
    """

    since: str = msgspec.field(name="from")
    until: str = msgspec.field(name="to")
    """Not included."""
    by: By
    interval: str | None
    """Null for one row for the whole time range."""
    calls_with_inferred_teams: int | None
    """Calls from before the exporter's first start, whose teams are inferred from the current members and
    numbers; null unless by team."""
    calls_without_teams: int | None
    """Calls that are left out, because their teams are not known yet; null unless by team."""
    rows: tuple[ReportRow, ...]


def report(connection: Connection, settings: Settings, request: ReportRequest) -> Report:
    """Make a report from the archive. Raises CriterionError if it has too many rows."""
    starts = starts_of(request.since, request.until, request.step, request.today)
    grouping = GROUPINGS[request.by](archived_directory(connection), settings)
    part: Part | None = request.by if request.by in ("team", "tag") else None
    calls = reported_calls(connection, request.since, request.until, by=part, with_later=True)
    try:
        found = add_up(calls, starts, grouping, MAX_ROWS)
        staffing = add_up_times(reported_times(connection, request.since, request.until), starts, grouping)
        require_few_groups(found.keys() | staffing.keys(), starts, MAX_ROWS)
    except TooManyGroupsError as error:
        seconds = request.until - request.since
        raise too_many_rows(request.interval, seconds, seconds * error.groups // MAX_ROWS) from None
    zone = zone_of(request.today)
    shown = [local_time(at, zone).isoformat(timespec="seconds") for at in (*starts, request.until)]
    groups = [(grouping.label(group), group) for group in found.keys() | staffing.keys()]
    groups.sort(key=lambda each: (each[0].name.casefold(), each[0].id))
    no_calls, no_time = Sums(), Staffing() if staffing else None
    rows = (
        _row(
            shown[position : position + 2],
            label,
            found.get(group, {}).get(position, no_calls),
            staffing.get(group, {}).get(position, no_time),
            grouping.has_missed,
        )
        for position in range(len(starts))
        for label, group in groups
    )
    inferred = without = None
    if request.by == "team":
        inferred = count_with_inferred_teams(connection, request.since, request.until)
        without = count_without_teams(connection, request.since, request.until)
    return Report(shown[0], shown[-1], request.by, request.interval, inferred, without, tuple(rows))


def _row(
    shown: Sequence[str], group: NamedRef, sums: Sums, staffing: Staffing | None, has_missed: bool
) -> ReportRow:
    tally, inbound = sums.tally, sums.inbound
    return ReportRow(
        start=shown[0],
        end=shown[1],
        id=group.id,
        name=group.name,
        offered=inbound.offered if has_missed else None,
        inbound=tally.inbound_answered + tally.inbound_missed if has_missed else None,
        answered=inbound.answered,
        missed=inbound.missed if has_missed else None,
        abandoned=inbound.abandoned if has_missed else None,
        service_level=inbound.service_level if has_missed else None,
        average_answer_seconds=tally.average_answer,
        average_abandon_seconds=inbound.average_abandon if has_missed else None,
        longest_wait_seconds=sums.longest_wait,
        average_handle_seconds=sums.average_handle,
        average_after_call_work_seconds=sums.average_after_call_work,
        called_again_day=sums.repeats.ratio(DAY_S),
        called_again_week=sums.repeats.ratio(WEEK_S),
        outbound=tally.outbound_answered + tally.outbound_unanswered,
        talk_seconds=sums.talk_seconds,
        staffed_seconds=None if staffing is None else staffing.staffed,
        available_seconds=None if staffing is None else staffing.available,
        occupancy=None if staffing is None else staffing.occupancy,
    )
