"""The archive's tables, the same on SQLite and PostgreSQL.

Ids are Aircall's, times UNIX seconds, UTC. A call is one row, as it was read last; what it has several
of (tags, comments, teams) is in tables of its own.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Index,
    MetaData,
    Table,
    Text,
    insert,
    select,
)

metadata = MetaData()

calls = Table(
    "calls",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("direction", Text, nullable=False),
    Column("status", Text, nullable=False, comment="initial, answered or done"),
    Column("outcome", Text, comment="answered, missed or unanswered; none while the call goes on"),
    Column("missed_call_reason", Text),
    Column("started_at", BigInteger, nullable=False),
    Column("answered_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("user_id", BigInteger),
    Column("number_id", BigInteger),
    Column("caller", Text, comment="as the configuration lets it be shown"),
    Column("caller_digits", Text, nullable=False, comment="its digits alone, to be searched for"),
    Column("asset", Text, comment="the page of the recording or voicemail in Aircall"),
    Column("recorded", Boolean, nullable=False),
    Column("voicemail", Boolean, nullable=False),
    Column("counted", Boolean, nullable=False, comment="whether it is in the totals"),
    Column("counted_for_teams", Boolean, nullable=False),
    Index("calls_by_start", "started_at", "id"),
    Index("calls_by_user", "user_id", "started_at"),
    Index("calls_by_number", "number_id", "started_at"),
)


def _of_call() -> Column[int]:
    return Column("call_id", ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True)


tags = Table(
    "call_tags",
    metadata,
    _of_call(),
    Column("name", Text, primary_key=True),
    Index("call_tags_by_name", "name", "call_id"),
)
comments = Table(
    "call_comments",
    metadata,
    _of_call(),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("posted_at", BigInteger),
    Column("content", Text, nullable=False),
)
teams = Table(
    "call_teams",
    metadata,
    _of_call(),
    Column("team_id", Text, primary_key=True),
    Index("call_teams_by_team", "team_id", "call_id"),
)
names = Table(
    "names",
    metadata,
    Column("kind", Text, primary_key=True, comment="user, team or number"),
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
)
totals = Table(
    "totals",
    metadata,
    Column("key", Text, primary_key=True, comment="family and ids, as a JSON list"),
    Column("value", BigInteger, nullable=False),
)
state = Table(
    "state",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False, comment="JSON"),
)

VERSION = 1
"""The version of these tables; a file of an older one is lifted by `_LIFTS` when it is opened."""

_LIFTS: dict[int, str] = {}
"""From each older version to the next: the SQL that changes its tables."""


class NewerArchiveError(Exception):
    """The archive was written by a newer exporter."""


def prepare(connection: Connection) -> None:
    """Create the tables, or lift those of an older version. Raises NewerArchiveError."""
    metadata.create_all(connection)
    version = connection.scalar(select(state.c.value).where(state.c.name == "version"))
    if version is None:
        connection.execute(insert(state).values(name="version", value=str(VERSION)))
        return
    if int(version) > VERSION:
        raise NewerArchiveError(f"is of version {version}, this exporter knows up to {VERSION}")
    for step in range(int(version), VERSION):
        connection.exec_driver_sql(_LIFTS[step])
    connection.execute(state.update().where(state.c.name == "version").values(value=str(VERSION)))
