"""What a viewer can choose, in every board's address under the same names, so that links keep it."""

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
"""All that have the label: every series has a job and an instance, but not every call has a number."""


def exporter(purpose: str) -> TextBoxVariable:
    """Where the exporter is, for links to it."""
    return (
        TextBoxVariable("exporter")
        .label("Exporter")
        .description(f"The exporter's address, for links that {purpose}.")
        .default_value("http://localhost:9979")
    )


def datasource() -> DatasourceVariable:
    """Which Prometheus."""
    return DatasourceVariable("datasource").label("Data source").type("prometheus")


def _choice(
    name: str, label: str, description: str, query: str, everything: str = EVERYTHING
) -> QueryVariable:
    """One, several or all of what the query finds, anew at every refresh, so that a TV needs no reload."""
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
    """Prometheus' job, in the address only: the metrics' names tell the exporter from everything else."""
    return _choice(
        "job",
        "Job",
        "Prometheus' job of the exporter.",
        "label_values(aircall_up, job)",
        everything=NAMED,
    ).hide(VariableHide.HIDE_VARIABLE)


def instance() -> QueryVariable:
    """Which exporter: one Aircall company each."""
    return _choice(
        "instance",
        "Instance",
        "Each instance of the exporter serves one Aircall company. Choose one where several are scraped.",
        'label_values(aircall_up{job=~"$job"}, instance)',
        everything=NAMED,
    )


def team() -> QueryVariable:
    """Teams by name, users without a team last."""
    # An invisible character before the shown name, not in the value, sorts it behind all others.
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
    """The series of a recording rule, if it was there when the time range began, or else what it sums up.

    So a board asks Prometheus for little where the rules are loaded, and shows the same where they are not.
    """
    # `or` compares labels without names: of the two there is always one.
    since = f"group by (__name__) ({rule}{{{EXPORTER}}} offset $__range)"
    query = f"{since} or group by (__name__) ({counter}{{{EXPORTER}}})"
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
    """Aircall numbers by name."""
    return _choice(
        "number",
        "Number",
        "Only the calls of these Aircall numbers.",
        f"label_values(aircall_number_info{{{EXPORTER}}}, number)",
    )
