"""Measure call-backs in an archive of a million calls: `python -m bench.call_backs` prints a table.

A batch of calls is saved with and without call-backs, in turns. Then the open call-backs are listed.
"""

import time
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import create_engine, insert

from exporter.account.call_backs import CallBackRules, CallBackTask
from exporter.account.records import Batch, CallRecord, Counting
from exporter.aircall.models import Call, CallDetails, Ref
from exporter.archive import schema
from exporter.archive.call_back_list import list_call_backs
from exporter.archive.caller_key_file import KeyFile
from exporter.archive.store import Archive

CALLS, CALLERS, DAYS = 1_000_000, 60_000, 180
BATCHES, BATCH = 30, 50
RULES = CallBackRules(after=0, expire=7 * 86400, ignore_reasons=("short_abandoned",))


def row(id_: int, now: int, random: Random) -> dict[str, Any]:
    """Return the row of a call."""
    started = now - DAYS * 86400 + DAYS * 86400 * id_ // CALLS
    outbound = random.random() < 0.36
    missed = not outbound and random.random() < 0.12
    answered = not missed and random.random() < 0.7
    unanswered = "unanswered" if outbound else "answered"
    return {
        "id": id_,
        "direction": "outbound" if outbound else "inbound",
        "status": "done",
        "outcome": "missed" if missed else "answered" if answered else unanswered,
        "missed_call_reason": "no_available_agent" if missed else None,
        "started_at": started,
        "answered_at": started + 9 if answered else None,
        "ended_at": started + 60,
        "user_id": 3,
        "number_id": 5,
        "caller": "+33",
        "caller_digits": "33",
        "caller_key": f"caller {random.randrange(CALLERS)}",
        "recorded": False,
        "voicemail": missed and random.random() < 0.3,
        "counted": True,
        "counted_for_teams": True,
        "words": "",
    }


def fill(url: str, now: int) -> None:
    """Fill the archive with calls."""
    engine, random = create_engine(url), Random(1)  # noqa: S311 (a benchmark)
    with engine.begin() as connection:
        for first in range(0, CALLS, 20_000):
            rows = [row(id_, now, random) for id_ in range(first, first + 20_000)]
            connection.execute(insert(schema.calls), rows)
    engine.dispose()


def batch(position: int, now: int) -> dict[int, CallRecord]:
    """Return the calls of a poll, some of which the previous poll had, too."""
    found = {}
    for number in range(5 * position, 5 * position + BATCH):
        call_id, started, missed = CALLS + number, now - 200 + 2 * number, number % 3
        answered_at = None if missed else started + 5
        reason = "no_available_agent" if missed else None
        user = None if missed else Ref(3)
        call = Call(
            call_id,
            "inbound",
            "done",
            started,
            answered_at,
            started + 40,
            reason,
            f"+33 {number}",
            user,
            Ref(5),
        )
        found[call_id] = CallRecord(call, CallDetails(), "full")
    return found


def main() -> None:
    """Measure, and print the table."""
    now = int(time.time())
    with TemporaryDirectory() as directory:
        url = f"sqlite:///{directory}/archive.sqlite"
        archive = Archive(url, KeyFile(Path(directory) / "caller.key", made_here=True))
        archive.load()
        fill(url, now)

        def save(records: dict[int, CallRecord], at: int | None) -> float:
            task = None if at is None else CallBackTask(RULES, at, frozenset({"5"}))
            complete_to = None if at is None else at - 60
            begun = time.perf_counter()
            archive.save(
                Batch(records, call_backs=task, complete_to=complete_to, counting=Counting(now - 900))
            )
            return 1000 * (time.perf_counter() - begun)

        first = save({}, now)
        followed, alone = [], []
        for position in range(BATCHES):
            followed.append(save(batch(2 * position, now), now + 5 * position))
            alone.append(save(batch(2 * position + 1, now), None))
        with archive.searching() as connection:
            begun = time.perf_counter()
            listed = list_call_backs(connection, now, limit=100)
            listing = 1000 * (time.perf_counter() - begun)
        archive.close()
    print("| a million calls of half a year, ms | |\n| --- | --: |")
    print(f"| the first transaction, which follows all callers of a week | {first:.0f} |")
    print(f"| a batch of {BATCH} calls | {median(followed):.1f} |")
    print(f"| the same without call-backs | {median(alone):.1f} |")
    print(f"| the list of the first 100 of {listed.total:,} callers | {listing:.0f} |")


if __name__ == "__main__":
    main()
