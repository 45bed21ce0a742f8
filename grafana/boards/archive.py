"""Build the SQL queries over the views of the call archive on PostgreSQL, with Grafana's variables in them.

`exporter/archive/views.py` defines the views, and `text_index.py` the functions `chosen`, `digits`, `folded`
and `has_text`. Each criterion is off if its variable is empty or "All". Grafana replaces variables before
PostgreSQL plans the query, so a criterion that is off costs nothing, and the others use an index. Grafana's
format `sqlstring` puts values in quotes, doubles their own quotes, and separates several values with commas.
"All" becomes `EVERYTHING`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.builders.dashboard import (
    CustomVariable,
    DatasourceVariable,
    QueryVariable,
    TextBoxVariable,
)
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    VariableHide,
    VariableOption,
    VariableRefresh,
)

from grafana.boards.palette import REASONS as MISSED_BECAUSE
from grafana.boards.panels import Frame, framed, settings
from grafana.boards.queries import JsonQuery

ARCHIVE = DataSourceRef(type_val="grafana-postgresql-datasource", uid="${archive}")
EVERYTHING = "'*'"

SECONDS = "dateTimeAsIso"
"""The unit of times. Without it, Grafana adds milliseconds if all times are within a minute."""

V = TypeVar("V", QueryVariable, CustomVariable)


def sql(statement: str) -> JsonQuery:
    """Build a panel's query of the archive."""
    return JsonQuery({"editorMode": "code", "format": "table", "rawQuery": True, "rawSql": statement})


def rows(frame: Frame, statement: str, widths: Mapping[str, int] = MappingProxyType({})) -> table.Panel:
    """Build a table of a query's rows. `widths` are those of columns, in pixels."""
    panel = framed(table.Panel(), frame, [sql(statement)], ARCHIVE)
    panel = panel.override_by_regexp(".*", settings(noValue="\u00a0"))  # an empty cell is not an empty table
    for name, width in widths.items():
        panel = panel.override_by_name(name, settings(**{"custom.width": width}))
    return panel


def archive() -> DatasourceVariable:
    """Build the choice of the archive."""
    return DatasourceVariable("archive").label("Archive").type("grafana-postgresql-datasource")


def chosen(name: str, label: str, description: str, query: str) -> QueryVariable:
    """Build a choice of one, several or all results of a query."""
    found = QueryVariable(name).datasource(ARCHIVE).query(query).refresh(VariableRefresh.ON_DASHBOARD_LOAD)
    return _several(found.label(label).description(description))


def options(name: str, label: str, description: str, *values: str) -> CustomVariable:
    """Build a choice of one, several or all of these values."""
    return _several(CustomVariable(name).label(label).description(description).values(",".join(values)))


def _several(variable: V) -> V:
    everything = VariableOption(selected=True, text=["All"], value=["$__all"])
    return variable.multi(True).include_all(True).all_value(EVERYTHING).current(everything)


def written(name: str, label: str, description: str, *, shown: bool = True) -> TextBoxVariable:
    """Build a text field. While it is empty, its criterion is off."""
    box = TextBoxVariable(name).label(label).description(description).default_value("")
    return box if shown else box.hide(VariableHide.HIDE_VARIABLE)


def named(kind: str) -> str:
    """Return the query for all names of a kind: user, team or number."""
    return f"SELECT DISTINCT name FROM call_names WHERE kind = '{kind}' ORDER BY name"


_IN_WORDS = " ".join(f"WHEN '{reason.code}' THEN '{reason.text}'" for reason in MISSED_BECAUSE)
REASONS = (
    f"SELECT code AS __value, CASE code {_IN_WORDS} ELSE code END AS __text FROM "
    "(SELECT DISTINCT key::json->>2 AS code FROM totals WHERE key LIKE '[\"missed_calls\",%') AS found"
    " ORDER BY 2"
)
TAGS = "SELECT name FROM call_tag_names ORDER BY name"


def matching() -> str:
    """Return the condition that a row of `call_history` matches all criteria."""
    caller, text = "${caller:sqlstring}", "${text:sqlstring}"
    number = f"digits({caller})"
    is_caller = f"(caller = {caller} OR caller_digits LIKE '%' || {number} || '%')"
    by_name = (f"{kind}_id = ANY(ARRAY({_having(kind, text)})::bigint[])" for kind in ("user", "number"))
    teams = f"SELECT call_id FROM call_teams WHERE team_id = ANY(ARRAY({_ids('team')}))"
    return "\n  AND ".join(
        (
            # the time range, or one call at any time
            "(${call:sqlstring} = '' AND $__unixEpochFilter(started_at)"
            " OR id = left(digits(${call:sqlstring}), 18)::bigint)",
            _any_of("user", f"user_id = ANY(ARRAY({_ids('user')})::bigint[])"),
            _any_of("number", f"number_id = ANY(ARRAY({_ids('number')})::bigint[])"),
            _any_of("team", f"id = ANY(ARRAY({teams}))"),
            _any_of("direction", "direction IN (${direction:sqlstring})"),
            _any_of("reason", "missed_call_reason = ANY(chosen(${reason:sqlstring}))"),
            _any_of(
                "asset",
                "'recording' IN (${asset:sqlstring}) AND recorded"
                " OR 'voicemail' IN (${asset:sqlstring}) AND voicemail",
            ),
            "(${missed:sqlstring} = 'any' OR ${missed:sqlstring} = 'missed' AND outcome = 'missed'"
            " OR ${missed:sqlstring} = 'others' AND outcome <> 'missed')",
            _written("longer", f"duration > {_seconds('longer')}"),
            _written("shorter", f"duration < {_seconds('shorter')}"),
            _any_of(
                "tag",
                "id = ANY(ARRAY(SELECT call_id FROM call_tags WHERE name = ANY(chosen(${tag:sqlstring}))))",
            ),
            _written("caller", f"has_text(words, coalesce({number}, {caller})) AND {is_caller}"),
            _written("text", f"has_text(words, {text}) OR {' OR '.join(by_name)}"),
        )
    )


_DURATION = (
    "^ *([0-9]{1,6}|([0-9]{1,6} *h(ours?)?)? *([0-9]{1,6} *m(in(utes?)?)?)?"
    " *([0-9]{1,6} *s(ec(onds?)?)?)?) *$"
)
"""The durations that a text field accepts, such as 90s, 5m, 1h30m or 90."""


def _seconds(name: str) -> str:
    """Return the seconds of a duration in a text field. Another text is NULL, which matches no call."""
    text = f"${{{name}:sqlstring}}"
    return (
        f"CASE WHEN {text} ~ '{_DURATION}' THEN extract(epoch FROM NULLIF(btrim({text}), '')::interval) END"
    )


def _any_of(name: str, condition: str) -> str:
    return f"('*' IN (${{{name}:sqlstring}}) OR {condition})"


def _written(name: str, condition: str) -> str:
    return f"(${{{name}:sqlstring}} = '' OR {condition})"


def _ids(kind: str) -> str:
    """Return the query for the chosen ids. As an array it is evaluated once, not for each call."""
    return f"SELECT id FROM call_names WHERE kind = '{kind}' AND called = ANY(chosen(${{{kind}:sqlstring}}))"


def _having(kind: str, text: str) -> str:
    return f"SELECT id FROM names WHERE kind = '{kind}' AND has_text(folded(name), {text})"
