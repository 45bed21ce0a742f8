"""Define the archive's tables, the same on SQLite and PostgreSQL.

Ids are Aircall's. Times are UNIX seconds. A call is one row, as it was fetched last. Its tags, comments and
teams are in separate tables. A change of a table requires a new version in `create_tables`.
"""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, MetaData, Table, Text, and_, not_

metadata = MetaData()

calls = Table(
    "calls",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("direction", Text, nullable=False),
    Column("status", Text, nullable=False, comment="initial, answered or done"),
    Column("outcome", Text, comment="answered, missed, unanswered or ai_agent; none while the call goes on"),
    Column("missed_call_reason", Text),
    Column("started_at", BigInteger, nullable=False),
    Column("answered_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("left_menu_at", BigInteger, comment="when the caller left the last menu, if that is known"),
    Column("user_id", BigInteger),
    Column("number_id", BigInteger),
    Column("caller", Text, comment="as the configuration lets it be shown"),
    Column("caller_digits", Text, nullable=False, comment="its digits alone, to be searched for"),
    Column("asset", Text, comment="the page of the recording or voicemail in Aircall"),
    Column("recorded", Boolean, nullable=False),
    Column("voicemail", Boolean, nullable=False),
    Column("counted", Boolean, nullable=False, comment="whether it is in the totals"),
    Column("counted_for_teams", Boolean, nullable=False, comment="or its teams were inferred"),
    Column("assigned_to_id", BigInteger, comment="the user who is to follow it up"),
    Column("caller_hash", Text, comment="tells callers apart where the number is not kept whole"),
    Column("caller_key", Text, comment="the same for all calls of a caller; none for anonymous callers"),
    Column("archived", Boolean, comment="whether someone has archived it in Aircall"),
    Column("call_back", Text, comment="the result of the call-back that this call ended, once it is counted"),
    Column("words", Text, nullable=False, server_default="", comment="what free text is searched in, folded"),
    Index(
        "calls_by_start",
        "started_at",
        "id",
        # columns of most criteria and of the totals, so that a long period is read from the index alone
        "direction",
        "outcome",
        "missed_call_reason",
        "answered_at",
        "ended_at",
        "left_menu_at",
        "recorded",
        "voicemail",
    ),
    Index("calls_by_user", "user_id", "started_at"),
    Index("calls_by_number", "number_id", "started_at"),
    Index("calls_by_caller_hash", "caller_hash", "started_at"),
    Index("calls_by_caller_key", "caller_key", "started_at"),
)
without_teams = and_(calls.c.outcome.is_not(None), not_(calls.c.counted_for_teams))
Index("calls_without_teams", calls.c.id, sqlite_where=without_teams, postgresql_where=without_teams)


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
    Column("inferred", Boolean, comment="whether the call did not count for it; see call_teams"),
    Index("call_teams_by_team", "team_id", "call_id"),
)
steps = Table(
    "call_steps",
    metadata,
    # without a foreign key: events about a call may arrive before the call
    Column("call_id", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True, comment="as in exporter.account.recorded_steps"),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False, comment="0 if there is none"),
    Column("detail", Text, primary_key=True),
    Column("source", Text, nullable=False, comment="event or timeline"),
    sqlite_with_rowid=False,
)
call_backs = Table(
    "call_backs",
    metadata,
    _of_call(),
    Column(
        "last_call_id",
        BigInteger,
        nullable=False,
        index=True,
        comment="the last missed call of the same caller",
    ),
    Column("started_at", BigInteger, nullable=False),
    Column("missed_at", BigInteger, nullable=False),
    Column("open_from", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("number_id", BigInteger),
    Column(
        "voicemail", Boolean, nullable=False, comment="whether a voicemail waits that nobody has archived"
    ),
    Column("anonymous", Boolean, nullable=False),
    comment="missed calls of callers whom nobody has talked to since",
)
times_in_state = Table(
    "times_in_state",
    metadata,
    Column("since", BigInteger, primary_key=True, autoincrement=False),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("until", BigInteger, nullable=False, comment="later by little more than an hour at most"),
    Column("state", Text, nullable=False),
    Column("team_ids", Text, nullable=False, comment="of the user, as a JSON list"),
    sqlite_with_rowid=False,
    comment="when users were signed in, as far as it was observed",
)
names = Table(
    "names",
    metadata,
    Column("kind", Text, primary_key=True, comment="user, team or number"),
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
)
forgotten = Table(
    "forgotten",
    metadata,
    Column(
        "caller_hash", Text, primary_key=True, comment="of a caller whose calls are kept without the caller"
    ),
    Column("forgotten_at", BigInteger, nullable=False),
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
