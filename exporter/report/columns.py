"""Show the rows of a report to people: as cells of a table."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from exporter.archive.suggestions import of_inferred_teams
from exporter.report.rows import Report, ReportRow

TITLES = {
    "start": "from",
    "name": "name",
    "id": "id",
    "offered": "offered",
    "inbound": "all inbound",
    "answered": "answered",
    "missed": "missed",
    "abandoned": "abandoned",
    "service_level": "service level",
    "average_answer_seconds": "average answer",
    "average_abandon_seconds": "average abandon",
    "longest_wait_seconds": "longest wait",
    "average_handle_seconds": "average handle",
    "average_after_call_work_seconds": "after-call work",
    "called_again_day": "again in a day",
    "called_again_week": "again in a week",
    "outbound": "outbound",
    "talk_seconds": "talk time",
    "staffed_seconds": "staffed",
    "available_seconds": "available",
    "occupancy": "occupancy",
}
"""The titles of the columns, by the field of a row."""

TEXTS = ("start", "name", "id")
"""Columns that are no figures."""

_OF_MISSED = ("offered", "inbound", "missed", "abandoned", "service_level", "average_abandon_seconds")
"""Columns that exist only if missed calls belong to the groups."""


_OFTEN_UNKNOWN = (
    "average_after_call_work_seconds",
    "called_again_day",
    "called_again_week",
    "staffed_seconds",
    "available_seconds",
    "occupancy",
)
"""Columns without a value if no events arrive, until a day or a week has passed, or for numbers and tags."""

_RATIOS = ("service_level", "called_again_day", "called_again_week", "occupancy")


def shown_columns(report: Report) -> tuple[str, ...]:
    """Return the fields of the columns that are shown.

    Columns that would be empty are left out, and all inbound calls if all of them count.
    """
    hidden = {"name", "id"} if report.by == "company" else set()
    if all(row.offered is None for row in report.rows):
        hidden.update(_OF_MISSED)
    if all(row.inbound == row.offered for row in report.rows):
        hidden.add("inbound")
    for name in _OFTEN_UNKNOWN:
        if all(getattr(row, name) is None for row in report.rows):
            hidden.add(name)
    return tuple(name for name in TITLES if name not in hidden)


def cells(row: ReportRow, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the cells of a row."""
    return tuple(_cell(name, getattr(row, name)) for name in columns)


def shown_start(start: str) -> str:
    """Return a local time with its offset, for people."""
    return f"{datetime.fromisoformat(start):%Y-%m-%d %H:%M} {start[-6:]}"


def notes_on_teams(report: Report) -> Iterator[str]:
    """Yield in words how many calls have inferred teams, and how many are left out."""
    if report.calls_with_inferred_teams:
        yield of_inferred_teams(report.calls_with_inferred_teams)
    if calls := report.calls_without_teams:
        yield f"calls that are not included, because their teams are not known yet: {calls}"


def _cell(name: str, value: object) -> str:
    if value is None:
        return ""
    if name == "start":
        return shown_start(str(value))
    if name in _RATIOS and isinstance(value, float):
        return f"{value:.1%}".replace("%", " %")
    if name.endswith("_seconds") and isinstance(value, int | float):
        return _length(round(value))
    return str(value)


def _length(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
