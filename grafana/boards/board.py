"""What all boards have in common: address, tags, links, choices."""

from collections.abc import Iterable
from dataclasses import dataclass

from grafana_foundation_sdk.builders.dashboard import AnnotationQuery, Dashboard, DashboardLink
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


@dataclass(frozen=True)
class Page:
    """A board's address and what it is called."""

    uid: str
    title: str
    description: str


def boards() -> DashboardLink:
    """A list of the other boards, that keeps team, number and time range."""
    return (
        DashboardLink("Boards")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(True)
        .include_vars(True)
        .keep_time(True)
    )


def bare(page: Page) -> Dashboard:
    """A board with neither choices nor panels."""
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
    """A board with everything but its panels; one without choice keeps for the others what is `chosen`."""
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
    """A board for looking back, with the alerts that fired drawn into it."""
    return blank(page, chosen=chosen).time(since, "now").refresh("1m").annotation(_alerts(area))


def _alerts(area: str) -> AnnotationQuery:
    """When critical alerts of an area fired, one mark for all series of an alert."""
    firing = f'alertstate="firing", alertname=~"Aircall.*", area="{area}", severity="critical"'
    expr = f"max by (alertname) (ALERTS{{{EXPORTER}, {firing}}})"
    return (
        AnnotationQuery()
        .name("Critical alerts")
        .datasource(variables.SOURCE)
        .expr(expr)
        .icon_color("red")
        .enable(True)
        .hide(False)
    )


def live(
    page: Page, *panels: Builder[Panel], choices: Iterable[Builder[model.VariableModel]] = ()
) -> model.Dashboard:
    """A board for a screen that nobody touches."""
    board = blank(page).refresh("10s").time("now-15m", "now")
    for choice in choices:
        board.with_variable(choice)
    for panel in panels:
        board.with_panel(panel)
    return board.build()
