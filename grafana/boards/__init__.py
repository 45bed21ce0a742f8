"""Define the Grafana dashboards as code: `python -m grafana.boards` writes `grafana/dashboards/*.json`."""

from collections.abc import Callable

from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.boards import call_backs, calls, exporter, numbers, queue, teams, wallboard

BOARDS: tuple[Callable[[], Dashboard], ...] = (
    wallboard.board,
    numbers.board,
    teams.board,
    queue.board,
    call_backs.board,
    calls.board,
    exporter.board,
)
