"""Render a report as one HTML file, which needs no other files and no scripts."""

from collections.abc import Iterator, Sequence
from html import escape

from exporter.report.charts import Line, chart
from exporter.report.columns import TEXTS, TITLES, cells, notes_on_teams, shown_columns, shown_start
from exporter.report.html_document import html_document, html_table
from exporter.report.rows import Report, ReportRow

MAX_CHARTED_GROUPS = 12
"""Groups with charts: those with the most calls. The table has all of them."""

_NOTES = (
    "Offered: inbound calls that count for the service level. Average answer: from the start of a call until"
    " it was answered. Longest wait: of answered and missed calls that count. Average handle: talk time of"
    " answered inbound calls, hold included, and after-call work as far as events report it. Again in a"
    " day or week: share of answered inbound calls whose caller called again so soon after the end, of calls"
    " at least so long ago and without callers who hide their number. Talk time: of all answered calls."
    " Staffed: how long users were signed in, added up. Occupancy: share of calls and after-call work in"
    " these and the available time. Times are minutes and seconds, or hours, minutes and seconds."
)


def html_page(report: Report) -> str:
    """Return the page."""
    columns = shown_columns(report)
    whose = "of the company" if report.by == "company" else f"by {report.by}"
    interval = f", by interval of {report.interval}" if report.interval else ""
    subtitle = f"From {shown_start(report.since)} to before {shown_start(report.until)}"
    subtitle += "".join(f". {note[0].upper()}{note[1:]}" for note in notes_on_teams(report)) + "."
    table = html_table(
        [TITLES[name] for name in columns],
        (cells(row, columns) for row in report.rows),
        {position for position, name in enumerate(columns) if name not in TEXTS},
    )
    body = f"<p>{escape(subtitle)}</p>\n{''.join(_charts(report))}{table}\n<p>{escape(_NOTES)}</p>"
    return html_document(f"Calls {whose}{interval}", body)


def _charts(report: Report) -> Iterator[str]:
    """Yield the charts of each group, if there are several intervals."""
    groups: dict[str, list[ReportRow]] = {}
    for row in report.rows:
        groups.setdefault(row.id, []).append(row)
    busiest = sorted(groups.values(), key=lambda rows: -sum(row.answered + row.outbound for row in rows))
    charted = busiest[:MAX_CHARTED_GROUPS]
    for rows in charted:
        if len(rows) > 1:
            yield f"<section><h2>{escape(rows[0].name)}</h2>\n{_of_group(rows)}</section>\n"
    if len(groups) > len(charted) and len(charted[0]) > 1:
        yield f"<p>Charts of the {len(charted)} of {len(groups)} with the most calls.</p>\n"


def _of_group(rows: Sequence[ReportRow]) -> str:
    times = [row.start[5:16].replace("T", " ") for row in rows]
    lines = [Line("answered", "#1f60c4", "", [row.answered for row in rows])]
    if rows[0].offered is None:
        return chart("Calls", lines, times)
    offered = Line("offered", "#888", "6 3", [row.offered for row in rows])
    abandoned = Line("abandoned", "#c4162a", "2 3", [row.abandoned for row in rows])
    level = Line("service level", "#37872d", "", [row.service_level for row in rows])
    calls = chart("Calls", [offered, *lines, abandoned], times)
    return calls + "\n" + chart("Service level", [level], times, as_percent=True)
