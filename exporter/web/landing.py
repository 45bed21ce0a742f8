"""Render the landing page: the exporter's state and the age of its data."""

from collections.abc import Mapping, Sequence
from html import escape

from exporter.account.menu_stages import MenuSource
from exporter.durations import Duration
from exporter.polling.status import Snapshot
from exporter.version import VERSION
from exporter.web.paths import TELEMETRY

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="10">
<title>aircall-exporter</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #ddd; }}
</style>
</head>
<body>
<h1>aircall-exporter</h1>
<p>Version {version}. {state}</p>
<p><a href="{metrics}">Metrics</a> · <a href="-/ready">Ready?</a> · <a href="-/healthy">Healthy?</a></p>
<h2>Account</h2>
<p>{board}</p>
<p>{menus}</p>
<h2>Datasets</h2>
<table>
<tr><th>Dataset</th><th>Age</th><th>Interval</th><th>Target interval</th><th>Last poll</th></tr>
{datasets}
</table>
<h2>Request budget</h2>
<p>{budget}</p>
</body>
</html>
"""


_MENUS: Mapping[MenuSource, str] = {
    "timelines": "Waits begin when the caller leaves the menu, as Aircall reports it in call timelines.",
    "events": "Waits begin when the caller leaves the menu, as Aircall reports it in webhook events.",
    "none": "Waits begin at the start of the call: Aircall has reported no menus today.",
}
"""How waits are measured, by what reports the company's menus."""


def landing_page(
    snapshot: Snapshot,
    problems: Sequence[str],
    now: float,
    standby_reason: str | None = None,
    telemetry: str = TELEMETRY,
) -> str:
    """Return the page as HTML.

    Args:
        snapshot: The state that is served.
        problems: Problems of the exporter's threads.
        now: Seconds of our clock.
        standby_reason: Why this exporter does not poll; `None` if it does.
        telemetry: The path of the metrics.
    """
    status, board = snapshot.status, snapshot.board
    if problems:
        state = f"<strong>Restart the exporter: {escape('; '.join(problems))}.</strong>"
    elif standby_reason:
        state = f"On standby: {escape(standby_reason)}."
    elif status.credential_rejected:
        state = "<strong>Aircall rejects the credential.</strong> Check the API ID and token."
    elif any(polling.failing for polling in status.datasets.values()) and not status.is_up(now):
        state = "<strong>Requests to Aircall fail.</strong> The last good values are served."
    elif snapshot.missing:
        state = f"Starting; not fetched yet: {', '.join(snapshot.missing)}."
    elif outdated := status.outdated(now):
        state = f"<strong>Out of date: {' and '.join(outdated)}.</strong> The last good values are served."
    else:
        state = "The data is up to date."
    rows = "\n".join(
        "<tr>"
        + "".join(
            f"<td>{escape(cell)}</td>"
            for cell in (
                name,
                _age(polling.age(now)),
                _seconds(polling.interval),
                _seconds(polling.target),
                "failed" if polling.failing else "succeeded" if polling.working else "–",
            )
        )
        + "</tr>"
        for name, polling in status.datasets.items()
    )
    left = "" if status.remaining is None else f"; {status.remaining} are left to the company in this minute"
    return _PAGE.format(
        version=escape(VERSION),
        state=state,
        metrics=telemetry.lstrip("/"),
        board=f"Users: {len(board.users)}, teams: {len(board.teams)}, numbers: {len(board.numbers)},"
        f" callers waiting: {len(board.queue)}, callers in menus: {len(board.in_menu)}.",
        menus=_MENUS[board.menu_source],
        datasets=rows,
        budget=f"{status.budget:g} of the company's {status.limit:g} requests a minute{left}.",
    )


def _seconds(seconds: float) -> str:
    return str(Duration(max(0, round(seconds))))


def _age(seconds: float | None) -> str:
    return "not fetched yet" if seconds is None else _seconds(seconds)
