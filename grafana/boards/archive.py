"""Build the SQL queries over the exporter's call archive on PostgreSQL, with Grafana's variables in them.

Each criterion is off if its variable is empty or "All". Grafana replaces variables before PostgreSQL plans
the query, so a criterion that is off costs nothing, and the others use an index. Grafana's format `sqlstring`
puts values in quotes, doubles their own quotes, and separates several values with commas. "All" becomes
`EVERYTHING`.
"""

from dataclasses import dataclass

from grafana_foundation_sdk.builders.dashboard import (
    CustomVariable,
    DatasourceVariable,
    QueryVariable,
    TextBoxVariable,
)
from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    VariableHide,
    VariableOption,
    VariableRefresh,
)

from grafana.boards.palette import REASONS as MISSED_BECAUSE

ARCHIVE = DataSourceRef(type_val="grafana-postgresql-datasource", uid="${archive}")
EVERYTHING = "'*'"
QUOTE, ESCAPED = '"', '\\"'
MIN_INDEXED_LENGTH = 3
"""Characters of a text from which on the index of words is useful."""


@dataclass
class Sql(variants.Dataquery):
    """A query of Grafana's PostgreSQL data source."""

    statement: str
    ref: str = "A"

    def to_json(self) -> dict[str, object]:
        """Return the JSON of the query."""
        return {
            "datasource": ARCHIVE,
            "editorMode": "code",
            "format": "table",
            "rawQuery": True,
            "rawSql": self.statement,
            "refId": self.ref,
        }


@dataclass
class SqlQuery(Builder[Sql]):
    """Builds a panel's query of the archive."""

    statement: str

    def ref_id(self, ref: str) -> "SqlQuery":
        """Set the letter by which the panel refers to the query."""
        self._ref = ref
        return self

    def datasource(self, _: DataSourceRef) -> "SqlQuery":
        """Ignore the data source, which is always the archive."""
        return self

    def build(self) -> Sql:
        """Return the query."""
        return Sql(self.statement, self._ref)


# Variables -------------------------------------------------------------------------------------------


def archive() -> DatasourceVariable:
    """Build the choice of the archive."""
    return DatasourceVariable("archive").label("Archive").type("grafana-postgresql-datasource")


def chosen(name: str, label: str, description: str, query: str) -> QueryVariable:
    """Build a choice of one, several or all results of a query."""
    return (
        QueryVariable(name)
        .label(label)
        .description(description)
        .datasource(ARCHIVE)
        .query(query)
        .refresh(VariableRefresh.ON_DASHBOARD_LOAD)
        .multi(True)
        .include_all(True)
        .all_value(EVERYTHING)
        .current(VariableOption(selected=True, text=["All"], value=["$__all"]))
    )


def options(name: str, label: str, description: str, *values: str) -> CustomVariable:
    """Build a choice of one, several or all of these values."""
    return (
        CustomVariable(name)
        .label(label)
        .description(description)
        .values(",".join(values))
        .multi(True)
        .include_all(True)
        .all_value(EVERYTHING)
        .current(VariableOption(selected=True, text=["All"], value=["$__all"]))
    )


def written(name: str, label: str, description: str, *, shown: bool = True) -> TextBoxVariable:
    """Build a text field. While it is empty, its criterion is off."""
    box = TextBoxVariable(name).label(label).description(description).default_value("")
    return box if shown else box.hide(VariableHide.HIDE_VARIABLE)


def named(kind: str) -> str:
    """Return the query for all names of a kind: user, team or number."""
    return f"SELECT DISTINCT name FROM names WHERE kind = '{kind}' ORDER BY name"


TEAMS = (
    "SELECT DISTINCT name FROM names WHERE kind = 'team' "
    'UNION SELECT DISTINCT substr(key::json->>1, 7) FROM totals WHERE key LIKE \'["team_calls","group:%\' '
    "UNION SELECT 'Single Users' ORDER BY 1"
)
_IN_WORDS = " ".join(f"WHEN '{reason.code}' THEN '{reason.text}'" for reason in MISSED_BECAUSE)
REASONS = (
    f"SELECT code AS __value, CASE code {_IN_WORDS} ELSE code END AS __text FROM "
    "(SELECT DISTINCT key::json->>2 AS code FROM totals WHERE key LIKE '[\"missed_calls\",%') AS found"
    " ORDER BY 2"
)
# This steps from one tag to the next along the index, as a million tagged calls have a few dozen tags.
TAGS = (
    "WITH RECURSIVE tag AS ((SELECT name FROM call_tags ORDER BY name LIMIT 1) UNION ALL "
    "SELECT (SELECT name FROM call_tags WHERE name > tag.name ORDER BY name LIMIT 1) FROM tag "
    "WHERE tag.name IS NOT NULL) SELECT name FROM tag WHERE name IS NOT NULL"
)


# Criteria --------------------------------------------------------------------------------------------


def matching() -> str:
    """Return the condition that a call `c` matches all criteria."""
    return "\nAND ".join(
        (
            _period(),
            _person("user"),
            _person("number"),
            _team(),
            _one_of("direction", "c.direction"),
            _one_of("reason", "c.missed_call_reason"),
            _asset(),
            _missed(),
            _length("longer", ">"),
            _length("shorter", "<"),
            _tag(),
            _caller(),
            _text(),
        )
    )


def _written(name: str) -> str:
    """Return a text field's value. Grafana 12 puts a backslash before a double quote, unlike SQL."""
    return f"replace(${{{name}:sqlstring}}, '{ESCAPED}', '{QUOTE}')"


def _chosen(name: str) -> str:
    """Return the chosen values as an array."""
    each = f"replace(each, '{ESCAPED}', '{QUOTE}')"
    return f"ARRAY(SELECT {each} FROM unnest(ARRAY[${{{name}:sqlstring}}]) AS each)"


def _either(name: str, condition: str) -> str:
    return f"('*' IN (${{{name}:sqlstring}}) OR {condition})"


def _unless_empty(name: str, condition: str) -> str:
    return f"(${{{name}:sqlstring}} = '' OR {condition})"


def _period() -> str:
    """Return the condition for the time range, or for one call at any time."""
    call = "${call:sqlstring}"
    digits = f"left(regexp_replace({call}, '[^0-9]', '', 'g'), 18)"
    return (
        f"({call} = '' AND $__unixEpochFilter(c.started_at)"
        f" OR {call} <> '' AND c.id = NULLIF({digits}, '')::bigint)"
    )


def _person(kind: str) -> str:
    wanted = _chosen(kind)
    found = f"SELECT id::bigint FROM names WHERE {_named(kind, wanted)}"
    return _either(kind, f"c.{kind}_id = ANY(ARRAY({found}))")


def _named(kind: str, wanted: str) -> str:
    """Return the condition for objects of a kind with one of these names, ids, or both (name and id)."""
    called = " OR ".join(f"{it} = ANY({wanted})" for it in ("name", "id", "name || ' ' || id"))
    return f"kind = '{kind}' AND ({called})"


def _team() -> str:
    wanted = _chosen("team")
    ids = (
        f"SELECT id FROM names WHERE {_named('team', wanted)}"
        f" UNION ALL SELECT 'group:' || each FROM unnest({wanted}) AS each"
        f" UNION ALL SELECT 'none' WHERE 'Single Users' = ANY({wanted})"
    )
    return _either("team", _call_in(f"call_teams WHERE team_id = ANY(ARRAY({ids}))"))


def _call_in(rows: str) -> str:
    """Return the condition as an array, built once. PostgreSQL would evaluate an IN for each call."""
    return f"c.id = ANY(ARRAY(SELECT call_id FROM {rows}))"


def _one_of(name: str, column: str) -> str:
    return _either(name, f"{column} = ANY({_chosen(name)})")


def _asset() -> str:
    wanted = "${asset:sqlstring}"
    return _either(
        "asset", f"'recording' IN ({wanted}) AND c.recorded OR 'voicemail' IN ({wanted}) AND c.voicemail"
    )


def _missed() -> str:
    wanted = "${missed:sqlstring}"
    return (
        f"({wanted} = 'any' OR {wanted} = 'missed' AND c.outcome = 'missed'"
        f" OR {wanted} = 'others' AND c.outcome <> 'missed')"
    )


def _length(name: str, than: str) -> str:
    """Return the condition for durations as PostgreSQL reads them: 90s, 5m, 1h30m, or plain seconds."""
    seconds = f"extract(epoch FROM NULLIF({_written(name)}, '')::interval)"
    return _unless_empty(name, f"c.ended_at - c.started_at {than} {seconds}")


def _tag() -> str:
    return _either("tag", _call_in(f"call_tags WHERE name = ANY({_chosen('tag')})"))


def _caller() -> str:
    """Return the condition for digits of the caller's number in any format, or a word such as anonymous."""
    wanted = _written("caller")
    digits = f"regexp_replace({wanted}, '[^0-9]', '', 'g')"
    by_digits = f"c.caller_digits LIKE '%' || {digits} || '%' AND {_holds(digits)}"
    return _unless_empty("caller", f"{digits} <> '' AND {by_digits} OR {digits} = '' AND c.caller = {wanted}")


def _text() -> str:
    """Return the condition for a text in the call's words, or in the name of its user or number."""
    wanted = _folded(_written("text"))

    def by_name(kind: str) -> str:
        holds = f"strpos({_folded('name')}, {wanted}) > 0"
        found = f"SELECT id::bigint FROM names WHERE kind = '{kind}' AND {holds}"
        return f"c.{kind}_id = ANY(ARRAY({found}))"

    return _unless_empty("text", f"{_holds(wanted)} OR {by_name('user')} OR {by_name('number')}")


def _folded(text: str) -> str:
    """Return a text normalised as in the archive: case, composition of accents and spacing do not matter."""
    spaced = f"btrim(regexp_replace({text}, '\\s+', ' ', 'g'))"
    return f"replace(lower(normalize({spaced}, NFC) COLLATE \"und-x-icu\"), 'ß', 'ss')"


def _holds(text: str) -> str:
    """Return the condition for a normalised text in the call's words. Short texts do not use the index."""
    escaped = text
    for special in ("\\", "%", "_"):
        escaped = f"replace({escaped}, '{special}', '\\{special}')"
    pattern = f"'%' || {escaped} || '%'"
    return (
        f"(length({text}) >= {MIN_INDEXED_LENGTH} AND c.words LIKE {pattern}"
        f" OR length({text}) < {MIN_INDEXED_LENGTH} AND c.words || '' LIKE {pattern})"
    )
