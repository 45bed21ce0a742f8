"""Generate the same history of calls for each benchmark: 180 days of a company with 300 users."""

from collections.abc import Iterator
from itertools import islice
from random import Random

from msgspec.structs import replace
from sqlalchemy import create_engine, insert

from exporter.account.records import Batch, CallRecord
from exporter.aircall.models import Call, CallDetails, Comment, Direction, Ref, Tag
from exporter.archive import schema
from exporter.archive.store import Archive
from exporter.simulator.models import MISSED_CALL_REASONS
from exporter.simulator.names import CITIES, FIRST_NAMES, LAST_NAMES, TEAMS

END = 1_780_000_000
DAYS = 180
START = END - DAYS * 86400
"""The start of the history (UNIX seconds)."""

USERS, NUMBERS, TEAMS_IN_ALL, TAGS = 300, 40, 20, 30
BATCH = 1000

RARE_TAG = "Escalated to the board"
_SAID = (
    "called back", "the customer asked about", "an invoice", "a refund", "a late delivery", "thanks",
    "needs a second number", "contract renewal", "the price", "a wrong address", "has moved", "urgent",
    "left a voicemail", "to follow up next week", "the router", "cannot log in", "a lost password",
)  # fmt: skip


def fill(url: str, calls: int) -> None:
    """Fill the archive at `url` with calls, evenly over the days."""
    archive, engine = Archive(url), create_engine(url)
    archive.load()
    archive.save(Batch(names=_names()))
    history = _history(calls)
    while found := list(islice(history, BATCH)):
        archive.save(Batch(records={record.call.id: record for record, _ in found}))
        teams = [{"call_id": record.call.id, "team_id": team} for record, ids in found for team in ids]
        with engine.begin() as connection:
            connection.execute(insert(schema.teams), teams)
    archive.close()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("VACUUM")  # as PostgreSQL does soon by itself
        connection.exec_driver_sql("ANALYZE")
    engine.dispose()


def _names() -> dict[tuple[str, str], str]:
    people = [f"{first} {last}" for last in LAST_NAMES for first in FIRST_NAMES]
    return {
        **{("user", str(user)): name for user, name in enumerate(people[:USERS], 1)},
        **{("number", str(n)): f"{CITIES[n % len(CITIES)]} {n}" for n in range(1, NUMBERS + 1)},
        **{("team", str(n)): f"{TEAMS[n % len(TEAMS)]} {n}" for n in range(1, TEAMS_IN_ALL + 1)},
    }


def _history(calls: int) -> Iterator[tuple[CallRecord, set[str]]]:
    """Yield batches of calls, and the teams for which each call counts."""
    random = Random(1)  # noqa: S311 (nothing here is a secret)
    for position in range(calls):
        started_at = START + position * DAYS * 86400 // calls
        direction: Direction = "inbound" if random.random() < 0.6 else "outbound"
        answered_at = started_at + random.randint(1, 60) if random.random() < 0.8 else None
        missed = direction == "inbound" and answered_at is None
        user, number = None if missed else random.randint(1, USERS), random.randint(1, NUMBERS)
        call = Call(
            id=3_000_000_000 + 3 * position,
            direction=direction,
            status="done",
            started_at=started_at,
            answered_at=answered_at,
            ended_at=(answered_at or started_at + 20) + int(random.expovariate(1 / 180)),
            missed_call_reason=random.choice(MISSED_CALL_REASONS) if missed else None,
            user=None if user is None else Ref(user),
            number=Ref(number),
        )
        page = f"https://assets.aircall.io/calls/{call.id}"
        details = CallDetails(
            tags=tuple(map(Tag, _tags(random))),
            comments=(Comment(" ".join(random.choices(_SAID, k=5))),) if random.random() < 0.15 else None,
            asset=page,
            recording=page if answered_at else None,
            voicemail=page if missed and random.random() < 0.3 else None,
        )
        teams = {number, 3 * number, 7 * number} if user is None else {user, 7 * user}
        call = replace(call, raw_digits=_caller(random))
        yield CallRecord(call, details, "full"), {str(1 + team % TEAMS_IN_ALL) for team in teams}


def _caller(random: Random) -> str:
    if random.random() < 0.02:
        return "anonymous"
    digits = f"{random.randrange(400_000) * 2437 % 10**8:08}"
    return f"+33 6 {digits[:2]} {digits[2:4]} {digits[4:6]} {digits[6:]}"


def _tags(random: Random) -> list[str]:
    if random.random() < 0.0005:
        return [RARE_TAG]
    return [f"Tag {random.randint(1, TAGS - 1)}"] if random.random() < 0.3 else []
