"""Write the dashboards' JSON files. `make boards` runs it after a change to a dashboard."""

from pathlib import Path

from grafana.boards import BOARDS
from grafana.boards.rendering import render

DASHBOARDS = Path(__file__).parents[1] / "dashboards"

for build in BOARDS:
    board = build()
    (DASHBOARDS / f"{board.uid}.json").write_text(render(board), encoding="utf-8")
