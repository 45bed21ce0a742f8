"""Define the parts of all dashboards: address, tags, links, variables."""

from dataclasses import dataclass

from grafana_foundation_sdk.builders.dashboard import AnnotationQuery, Dashboard, DashboardLink, TimePicker
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    Panel,
    VariableHide,
)

from grafana.boards import variables
from grafana.boards.promql import EXPORTER

TAG = "aircall"
REFRESH = "2s"
"""The interval of the wallboards. Grafana raises it to its own minimum when it provisions them."""


@dataclass(frozen=True)
class Page:
    """A dashboard's address, title and description."""

    uid: str
    title: str
    description: str


def boards() -> DashboardLink:
    """Build the links to the other dashboards, which keep team, number and time range."""
    return (
        DashboardLink("Boards")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(True)
        .include_vars(True)
        .keep_time(True)
    )


def bare(page: Page) -> Dashboard:
    """Build a dashboard without variables and panels."""
    return (
        Dashboard(page.title)
        .uid(page.uid)
        .description(page.description)
        .tags([TAG])
        .timezone("browser")
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .link(boards())
    )


def blank(page: Page, *, chosen: bool = True) -> Dashboard:
    """Build a dashboard without panels. If not `chosen`, team and number are hidden but stay in its links."""
    team, number = variables.team(), variables.number()
    if not chosen:
        team, number = (each.hide(VariableHide.HIDE_VARIABLE) for each in (team, number))
    return (
        bare(page)
        .with_variable(variables.datasource())
        .with_variable(variables.job())
        .with_variable(variables.instance())
        .with_variable(team)
        .with_variable(number)
    )


def history(page: Page, since: str, area: str, *, chosen: bool = True) -> Dashboard:
    """Build a dashboard of the past that shows when alerts fired."""
    return blank(page, chosen=chosen).time(since, "now").refresh("1m").annotation(_alerts(area))


def _alerts(area: str) -> AnnotationQuery:
    """Build annotations for critical alerts of an area, one for all series of an alert.

    They are off until a viewer switches them on, because an alert that lasts colours the whole panel.
    """
    firing = f'alertstate="firing", alertname=~"Aircall.*", area="{area}", severity="critical"'
    expr = f"max by (alertname) (ALERTS{{{EXPORTER}, {firing}}})"
    return (
        AnnotationQuery()
        .name("Critical alerts")
        .datasource(variables.SOURCE)
        .expr(expr)
        .icon_color("red")
        .enable(False)
        .hide(False)
    )


def live(page: Page, *panels: Builder[Panel]) -> model.Dashboard:
    """Build a dashboard for a screen without a keyboard. A click on a user opens the exporter's page."""
    switching = variables.exporter("switch a user. It needs --web.enable-admin-api")
    # Grafana ignores an interval that is not in this list.
    intervals = TimePicker().refresh_intervals([REFRESH, "5s", "10s", "30s", "1m", "5m"])
    board = blank(page).refresh(REFRESH).timepicker(intervals).time("now-5m", "now")
    board.with_variable(switching.hide(VariableHide.HIDE_VARIABLE))
    for panel in panels:
        board.with_panel(panel)
    return board.build()
