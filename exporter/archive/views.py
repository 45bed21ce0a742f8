"""Define what a search reads: the call history, and the names by which its calls are searched.

Each definition exists once. Grafana reads it as a view of the database. The exporter's own search embeds it
as a subquery, so a command or a standby exporter needs no view, and a view of another version does no harm.
"""

from sqlalchemy import BigInteger, Boolean, Text, text

from exporter.account.directory import SINGLE_USERS
from exporter.account.teams import GROUP_PREFIX
from exporter.archive.call_journey_view import JOURNEY
from exporter.archive.repeat_view import CALLED_AGAIN
from exporter.archive.schema import calls
from exporter.archive.view_expressions import name_of, seconds


def _joined(column: str, rows: str, order: str, separator: str) -> str:
    """Return the texts of a call as one text, in their order."""
    found = f"SELECT {column} AS one FROM {rows} WHERE call_id = calls.id ORDER BY {order}"
    return f"coalesce((SELECT string_agg(one, '{separator}') FROM ({found}) AS found), '')"


def _distinct(column: str, table: str) -> str:
    """Return the different values of an indexed column. Reads one entry of the index for each value."""
    following = f"SELECT min({column}) FROM {table} WHERE {column} > found.value"
    return (
        f"WITH RECURSIVE found(value) AS (SELECT min({column}) FROM {table}"
        f" UNION ALL SELECT ({following}) FROM found WHERE value IS NOT NULL)"
        " SELECT value AS name FROM found WHERE value IS NOT NULL"
    )


_CALLS = f"""
SELECT id, direction, status, outcome, missed_call_reason, started_at, answered_at, ended_at, left_menu_at,
  {seconds("coalesce(left_menu_at, started_at)", "answered_at")} AS time_to_answer,
  CASE WHEN direction = 'inbound' THEN
    {seconds("coalesce(left_menu_at, started_at)", "coalesce(answered_at, ended_at)")} END AS waited,
  {seconds("answered_at", "ended_at")} AS talk_time,
  {seconds("started_at", "ended_at")} AS duration,
  user_id, {name_of("user", "user_id")} AS user_name,
  number_id, {name_of("number", "number_id")} AS number_name,
  assigned_to_id, {name_of("user", "assigned_to_id")} AS assigned_to,
  caller, caller_digits, recorded, voicemail, archived, call_back, asset, words,
  counted_for_teams AND NOT counted AS teams_inferred"""

_TEAMS = f"""
SELECT call_id, inferred, CASE WHEN team_id = '{SINGLE_USERS.id}' THEN '{SINGLE_USERS.name}'
  WHEN team_id LIKE '{GROUP_PREFIX}%' THEN substr(team_id, {len(GROUP_PREFIX) + 1})
  ELSE {name_of("team", "team_id")} END AS name
FROM call_teams"""

_SHOWN_TEAM = "CASE WHEN inferred THEN name || ' (inferred)' ELSE name END"

_NAMES = f"""
WITH named AS NOT MATERIALIZED (
  SELECT kind, id, name FROM names
  UNION ALL SELECT 'team', '{SINGLE_USERS.id}', '{SINGLE_USERS.name}'
  UNION ALL SELECT 'team', name, substr(name, {len(GROUP_PREFIX) + 1})
    FROM ({_distinct("team_id", "call_teams")}) AS counted WHERE name LIKE '{GROUP_PREFIX}%'
)
SELECT kind, id, name, name AS called FROM named
UNION ALL SELECT kind, id, name, id FROM named
UNION ALL SELECT kind, id, name, name || ' ' || id FROM named"""

_CALL_BACKS = f"""
SELECT open.last_call_id AS id, open.first_missed_at, open.last_missed_at, open.open_from, open.expires_at,
  open.missed, open.longest_wait, open.voicemail = 1 AS voicemail,
  first.number_id, {name_of("number", "first.number_id")} AS number_name,
  last.caller, last.missed_call_reason, last.archived, last.asset,
  {name_of("user", "last.assigned_to_id")} AS assigned_to,
  (SELECT count(*) FROM calls AS tried WHERE tried.caller_key = last.caller_key
    AND tried.outcome = 'unanswered' AND tried.started_at >= open.first_started_at) AS attempts
FROM (
  SELECT last_call_id, min(missed_at) AS first_missed_at, max(missed_at) AS last_missed_at,
    min(call_backs.started_at) AS first_started_at, min(open_from) AS open_from,
    max(expires_at) AS expires_at, count(*) AS missed, min(call_id) AS first_call_id,
    max(CASE WHEN call_backs.voicemail THEN 1 ELSE 0 END) AS voicemail,
    max({seconds("coalesce(calls.left_menu_at, calls.started_at)", "missed_at")}) AS longest_wait
  FROM call_backs JOIN calls ON calls.id = call_id WHERE NOT anonymous GROUP BY last_call_id
) AS open
JOIN calls AS first ON first.id = open.first_call_id
JOIN calls AS last ON last.id = open.last_call_id"""

VIEWS = {
    "call_history": f"""{_CALLS},
  {_joined(_SHOWN_TEAM, f"({_TEAMS}) AS team_names", "name", ", ")} AS teams,
  {_joined("name", "call_tags", "name", ", ")} AS tags,
  {_joined("content", "call_comments", "position", " / ")} AS comments
FROM calls""",
    "call_back_list": _CALL_BACKS,
    "called_again": CALLED_AGAIN,
    "call_journey": JOURNEY,
    "call_names": _NAMES,
    "call_tag_names": _distinct("name", "call_tags"),
}
"""The views for Grafana."""

_computed = dict.fromkeys(("time_to_answer", "waited", "talk_time", "duration"), BigInteger())
_shown = dict.fromkeys(("user_name", "number_name", "assigned_to"), Text())
_flags = {"teams_inferred": Boolean()}
_stored = {c.name: c.type for c in calls.c if c.name not in ("counted", "counted_for_teams", "caller_key")}

history = (
    text(f"{_CALLS}, caller_hash FROM calls")
    .columns(**_stored, **_computed, **_shown, **_flags)
    .subquery("call_history")
)
"""The calls as in the view. Only this has hashes of callers; teams, tags and comments are read as lists."""

team_names = (
    text(_TEAMS).columns(call_id=BigInteger(), inferred=Boolean(), name=Text()).subquery("team_names")
)
"""The teams of the calls, by name."""

call_names = text(_NAMES).columns(kind=Text(), id=Text(), name=Text(), called=Text()).subquery("call_names")
"""What users, teams and numbers may be `called` in a search: by name, by id, or by both.

Both together tell objects of the same name apart, as on the dashboards."""
