"""SQL over the exporter's call archive on PostgreSQL, with Grafana's variables in it.

Each criterion is off while its variable says so. The variables are constants by the time that PostgreSQL
plans the query, so what is off costs nothing, and what is on is found by an index. Values come in as
`sqlstring`: quoted, their own quotes doubled, several with commas between. "All" comes in as it stands in
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
"""Signs of a text from which on the index of words narrows anything down."""


@dataclass
class Sql(variants.Dataquery):
    """A query as Grafana's PostgreSQL data source keeps it."""

    statement: str
    ref: str = "A"

    def to_json(self) -> dict[str, object]:
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
    """What a panel asks the archive."""

    statement: str

    def ref_id(self, ref: str) -> "SqlQuery":
        self._ref = ref
        return self

    def datasource(self, _: DataSourceRef) -> "SqlQuery":
        return self

    def build(self) -> Sql:
        return Sql(self.statement, self._ref)


# Variables -------------------------------------------------------------------------------------------


def archive() -> DatasourceVariable:
    """Which archive."""
    return DatasourceVariable("archive").label("Archive").type("grafana-postgresql-datasource")


def chosen(name: str, label: str, description: str, query: str) -> QueryVariable:
    """One, several or all of what the query finds."""
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
    """One, several or all of a few."""
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
    """What somebody writes; nothing is asked for while it is empty."""
    box = TextBoxVariable(name).label(label).description(description).default_value("")
    return box if shown else box.hide(VariableHide.HIDE_VARIABLE)


def named(kind: str) -> str:
    """The names of everybody of a kind: user, team or number."""
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
# From one tag to the next along the index: a million tagged calls have a few dozen tags.
TAGS = (
    "WITH RECURSIVE tag AS ((SELECT name FROM call_tags ORDER BY name LIMIT 1) UNION ALL "
    "SELECT (SELECT name FROM call_tags WHERE name > tag.name ORDER BY name LIMIT 1) FROM tag "
    "WHERE tag.name IS NOT NULL) SELECT name FROM tag WHERE name IS NOT NULL"
)


# Criteria --------------------------------------------------------------------------------------------


def matching() -> str:
    """The condition that a call `c` matches everything that is chosen and written."""
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
    """What is written, as a text. Grafana 12 puts a backslash before a double quote, unlike SQL."""
    return f"replace(${{{name}:sqlstring}}, '{ESCAPED}', '{QUOTE}')"


def _chosen(name: str) -> str:
    """All that is chosen, as an array."""
    each = f"replace(each, '{ESCAPED}', '{QUOTE}')"
    return f"ARRAY(SELECT {each} FROM unnest(ARRAY[${{{name}:sqlstring}}]) AS each)"


def _either(name: str, condition: str) -> str:
    return f"('*' IN (${{{name}:sqlstring}}) OR {condition})"


def _unless_empty(name: str, condition: str) -> str:
    return f"(${{{name}:sqlstring}} = '' OR {condition})"


def _period() -> str:
    """The time range, or one call whenever it was."""
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
    """Of a kind, and of one of these ids or names, or both, which tells namesakes apart."""
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
    """As an array, gathered once: behind an OR, PostgreSQL would look through an IN for every single call."""
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
    """Durations as PostgreSQL reads them: 90s, 5m, 1h30m; a bare number is seconds."""
    seconds = f"extract(epoch FROM NULLIF({_written(name)}, '')::interval)"
    return _unless_empty(name, f"c.ended_at - c.started_at {than} {seconds}")


def _tag() -> str:
    return _either("tag", _call_in(f"call_tags WHERE name = ANY({_chosen('tag')})"))


def _caller() -> str:
    """Digits of the number, however it is written, or a word such as anonymous."""
    wanted = _written("caller")
    digits = f"regexp_replace({wanted}, '[^0-9]', '', 'g')"
    by_digits = f"c.caller_digits LIKE '%' || {digits} || '%' AND {_holds(digits)}"
    return _unless_empty("caller", f"{digits} <> '' AND {by_digits} OR {digits} = '' AND c.caller = {wanted}")


def _text() -> str:
    """Anywhere: in the call's own words, or in the names of its user and number."""
    wanted = _folded(_written("text"))

    def by_name(kind: str) -> str:
        holds = f"strpos({_folded('name')}, {wanted}) > 0"
        found = f"SELECT id::bigint FROM names WHERE kind = '{kind}' AND {holds}"
        return f"c.{kind}_id = ANY(ARRAY({found}))"

    return _unless_empty("text", f"{_holds(wanted)} OR {by_name('user')} OR {by_name('number')}")


def _folded(text: str) -> str:
    """A text as the archive folds it: case, ways to compose an accent and spacing make no difference."""
    spaced = f"btrim(regexp_replace({text}, '\\s+', ' ', 'g'))"
    return f"replace(lower(normalize({spaced}, NFC) COLLATE \"und-x-icu\"), 'ß', 'ss')"


def _holds(text: str) -> str:
    """Whether a folded text is in the call's words: by their index, unless the text is too short for it."""
    escaped = text
    for sign in ("\\", "%", "_"):
        escaped = f"replace({escaped}, '{sign}', '\\{sign}')"
    pattern = f"'%' || {escaped} || '%'"
    return (
        f"(length({text}) >= {MIN_INDEXED_LENGTH} AND c.words LIKE {pattern}"
        f" OR length({text}) < {MIN_INDEXED_LENGTH} AND c.words || '' LIKE {pattern})"
    )
