"""Print calls as a table, as JSON lines or as CSV."""

from collections.abc import Iterable
from datetime import tzinfo

from msgspec import structs

from exporter.archive.search import CallResult, FoundTotals
from exporter.cli import output
from exporter.cli.output import shown_time
from exporter.durations import Duration

_COLUMNS = ("started", "direction", "outcome", "user", "number", "caller", "waited", "talk", "tags")


def as_table(calls: Iterable[CallResult], zone: tzinfo | None) -> None:
    """Print a table. `zone` is None for local time."""
    rows = (
        (
            shown_time(call.started_at, zone)[:19],
            call.direction,
            call.missed_call_reason or call.outcome or call.status,
            call.user,
            call.number,
            call.caller,
            length(call.time_to_answer if call.waited is None else call.waited),
            length(call.talk_time),
            ", ".join(call.tags),
        )
        for call in calls
    )
    output.as_table(_COLUMNS, rows)


def as_json(calls: Iterable[CallResult], zone: tzinfo | None) -> None:
    """Print one JSON object per line."""
    output.as_json(_row(call, zone) for call in calls)


def as_csv(calls: Iterable[CallResult], zone: tzinfo | None) -> None:
    """Print CSV with a header."""
    rows = (
        _row(call, zone)
        | {
            "teams": ", ".join(call.teams),
            "tags": ", ".join(call.tags),
            "comments": " / ".join(call.comments),
        }
        for call in calls
    )
    output.as_csv(CallResult.__struct_fields__, rows)


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


def _row(call: CallResult, zone: tzinfo | None) -> dict[str, object]:
    times = {name: getattr(call, name) for name in ("started_at", "answered_at", "ended_at")}
    shown = {name: None if at is None else shown_time(at, zone) for name, at in times.items()}
    return structs.asdict(call) | shown


def length(seconds: int | None) -> str:
    """Return a duration as minutes and seconds, or "" if there is none."""
    return "" if seconds is None else f"{seconds // 60}:{seconds % 60:02}"
