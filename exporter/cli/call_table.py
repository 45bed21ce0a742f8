"""Define how calls are printed."""

from datetime import tzinfo

from msgspec import structs

from exporter.archive.search import CallResult, FoundTotals
from exporter.cli.formats import Listing, Row
from exporter.cli.output import Column, shown_time, with_shown_times
from exporter.durations import Duration

_COLUMNS = (
    Column("started", fit="whole"),
    Column("direction", 140, "whole"),
    Column("outcome", fit="whole"),
    Column("reason", 110, "whole"),
    Column("user", fit="cut"),
    Column("number", fit="cut"),
    Column("caller", fit="whole"),
    Column("waited", fit="whole"),
    Column("talk", fit="whole"),
    Column("tags", 110, "cut"),
    Column("teams", 150, "cut"),
    Column("id", 150, "whole"),
)


def _cells(call: CallResult, zone: tzinfo | None) -> tuple[str, ...]:
    return (
        shown_time(call.started_at, zone)[:16],
        call.direction,
        call.outcome or call.status,
        call.missed_call_reason,
        call.user,
        call.number,
        call.caller,
        length(call.time_to_answer if call.waited is None else call.waited),
        length(call.talk_time),
        ", ".join(call.tags),
        ", ".join(call.teams),
        str(call.id),
    )


def _row(call: CallResult, zone: tzinfo | None) -> Row:
    return with_shown_times(
        structs.asdict(call), ("started_at", "answered_at", "ended_at", "left_menu_at"), zone
    )


CALLS = Listing("Calls", _COLUMNS, _cells, CallResult.__struct_fields__, _row, {"comments": " / "})


def in_words(totals: FoundTotals) -> str:
    """Return the totals in one line."""
    average = totals.average_seconds_to_answer
    active = totals.calls - totals.answered - totals.missed - totals.unanswered - totals.ai_agent
    return (
        f"{totals.calls} calls, {totals.inbound} inbound, {totals.outbound} outbound:"
        f" {totals.answered} answered, {totals.missed} missed, {totals.unanswered} unanswered"
        + (f", {totals.ai_agent} by an AI agent" if totals.ai_agent else "")
        + (f", {active} under way" if active else "")
        + f"; talked for {Duration(totals.seconds_talked)}"
        + ("" if average is None else f", answered in {average:.0f}s on average")
    )


def length(seconds: int | None) -> str:
    """Return a duration as minutes and seconds, or "" if there is none."""
    return "" if seconds is None else f"{seconds // 60}:{seconds % 60:02}"
