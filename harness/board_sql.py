"""A board's SQL with its variables filled in as Grafana fills them in, asked of a real PostgreSQL."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from exporter.archive.criteria import Criteria
from harness.dashboards import board, panel

UID = "aircall-calls"
Chosen = Mapping[str, str | Sequence[str]]

GRAFANA_11 = {"'": "''"}
GRAFANA_12 = {"'": "''", '"': '\\"'}
"""The replacements of `sqlstring` for characters of a value."""


def sqlstring(value: str | Sequence[str], escaped: dict[str, str]) -> str:
    """Grafana's format of that name."""
    values = [value] if isinstance(value, str) else value
    return ",".join(
        f"'{each.translate(str.maketrans(dict[str, str | int | None](escaped)))}'" for each in values
    )


def filled(
    statement: str, period: tuple[int, int], chosen: Chosen, escaped: dict[str, str] = GRAFANA_12
) -> str:
    """Return the statement for a period (UNIX seconds) and choices. Other variables have their defaults.

    A custom "All" is not quoted.
    """
    variables = {each["name"]: each for each in board(UID)["templating"]["list"]}

    def value(found: re.Match[str]) -> str:
        variable = variables[found[1]]
        if variable.get("includeAll") and found[1] not in chosen:
            return str(variable["allValue"])
        return sqlstring(chosen.get(found[1], variable.get("current", {}).get("value", "")), escaped)

    statement = re.sub(r"\$\{(\w+):sqlstring\}", value, statement)
    return re.sub(r"\$__unixEpochFilter\((.*?)\)", rf"\1 >= {period[0]} AND \1 <= {period[1]}", statement)


def choices(criteria: Criteria) -> dict[str, str | tuple[str, ...]]:
    """Return the values of the dashboard's variables for a search."""
    several = {
        "user": criteria.users,
        "team": criteria.teams,
        "number": criteria.numbers,
        "direction": criteria.directions,
        "asset": criteria.assets,
        "reason": criteria.reasons,
        "tag": criteria.tags,
    }
    single = {
        "missed": {None: "any", True: "missed", False: "others"}[criteria.missed],
        "longer": "" if criteria.longer_than is None else f"{criteria.longer_than}s",
        "shorter": "" if criteria.shorter_than is None else f"{criteria.shorter_than}",
        "caller": next(iter(criteria.callers), ""),
        "text": next(iter(criteria.texts), ""),
    }
    return {name: values for name, values in several.items() if values} | single


def statement(title: str, uid: str = UID) -> str:
    """Return the query of a dashboard's panel of this title."""
    return str(panel(uid, title).targets[0]["rawSql"])


def asked(connection: Connection, text: str) -> list[dict[str, Any]]:
    """Return the rows of the result, by column."""
    found = connection.exec_driver_sql(text.replace("%", "%%"))
    return [dict(row) for row in found.mappings()]


def variable_queries() -> Iterator[tuple[str, str]]:
    """Yield the name and the query of each variable whose choices come from the archive."""
    for variable in board(UID)["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["query"]
