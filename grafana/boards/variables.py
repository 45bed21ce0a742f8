"""Build the dashboards' variables. Their names are the same in all dashboards, so that links keep values."""

from grafana_foundation_sdk.builders.dashboard import DatasourceVariable, QueryVariable, TextBoxVariable
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    VariableHide,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from grafana.boards.promql import EXPORTER

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
EVERYTHING = ".*"
NAMED = ".+"
"""Matches all series with the label. All have a job and an instance, but not every call has a number."""


def exporter(purpose: str) -> TextBoxVariable:
    """Build a variable with the exporter's address, for links to it."""
    return (
        TextBoxVariable("exporter")
        .label("Exporter")
        .description(f"The exporter's address, or its --web.external-url, for links that {purpose}.")
        .default_value("http://localhost:9979")
    )


def datasource() -> DatasourceVariable:
    """Build the choice of the Prometheus server."""
    return DatasourceVariable("datasource").label("Data source").type("prometheus")


def _choice(
    name: str, label: str, description: str, query: str, everything: str = EVERYTHING
) -> QueryVariable:
    """Build a choice of one, several or all results of a query.

    The query runs at each refresh, so that a TV needs no reload.
    """
    return (
        QueryVariable(name)
        .label(label)
        .description(description)
        .datasource(SOURCE)
        .query({"query": query, "refId": name})
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC)
        .multi(True)
        .include_all(True)
        .all_value(everything)
        .current(VariableOption(selected=True, text=["All"], value=["$__all"]))
    )


def job() -> QueryVariable:
    """Build the hidden choice of Prometheus' job. The metrics' names identify the exporter."""
    return _choice(
        "job",
        "Job",
        "Prometheus' job of the exporter.",
        "label_values(aircall_up, job)",
        everything=NAMED,
    ).hide(VariableHide.HIDE_VARIABLE)


def instance() -> QueryVariable:
    """Build the choice of the exporter, one for each Aircall company."""
    return _choice(
        "instance",
        "Instance",
        "Each instance of the exporter serves one Aircall company. Choose one where several are scraped.",
        'label_values(aircall_up{job=~"$job"}, instance)',
        everything=NAMED,
    )


def team() -> QueryVariable:
    """Build the choice of teams by name, with users without a team last."""
    # An invisible character before the shown name sorts it last. The value does not contain it.
    teams = f"group by (team) (aircall_user_team_info{{{EXPORTER}}})"
    titled = f'label_replace({teams}, "title", "$1", "team", "(.*)")'
    titled = f'label_replace({titled}, "title", "\u2060Single Users", "team", "Single Users")'
    return _choice(
        "team",
        "Team",
        "Only the users of these teams. Single Users are those without a team.",
        f"query_result({titled})",
    ).regex(r'/\{team="(?<value>.*)",title="(?<text>.*)"\} /')


def recorded(name: str, rule: str, counter: str) -> QueryVariable:
    """Build a hidden choice between a recording rule and the counter that it sums.

    The rule is used if it had series when the time range began. It makes queries faster, and without it the
    dashboard shows the same. The counter is used even if it has no series: a query without a name fails.
    """
    since = f"group by (__name__) ({rule}{{{EXPORTER}}} offset $__range)"
    query = f'{since} or on () label_replace(vector(1), "__name__", "{counter}", "", "")'
    return (
        QueryVariable(name)
        .description("The series that the board's counts are made of.")
        .datasource(SOURCE)
        .query({"query": f"query_result({query})", "refId": name})
        .regex(r"/^([\w:]+)/")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .hide(VariableHide.HIDE_VARIABLE)
    )


def number() -> QueryVariable:
    """Build the choice of Aircall numbers by name."""
    return _choice(
        "number",
        "Number",
        "Only the calls of these Aircall numbers.",
        f"label_values(aircall_number_info{{{EXPORTER}}}, number)",
    )
