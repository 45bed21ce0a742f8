"""Measure the cost of writing each SQLite transaction to disk before its counters are exposed.

`python -m bench.durability` saves batches in two archives that differ only in `PRAGMA synchronous`. The
archives take turns, so that both have the same disk and the same other load.
"""

import time
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import event

from exporter.account.buckets import answer_time_buckets
from exporter.account.counter_totals import increments
from exporter.account.records import Batch, CallRecord, CountedCall, Counting
from exporter.aircall.models import Call, CallDetails, Ref
from exporter.archive.database import sqlite_url
from exporter.archive.store import Archive

ROUNDS = 40
SAVES = {1: 25, 10: 10, 500: 1}
"""Batches of a round by calls per batch: a poll has few calls, a start hundreds."""

_BOUNDS = answer_time_buckets((10, 20))
_IDS = count(1)


def _archive(directory: Path, synchronous: str) -> Archive:
    archive = Archive(sqlite_url(str(directory / synchronous)))

    def prepare(connection: Any, _: object) -> None:
        connection.execute(f"PRAGMA synchronous={synchronous}")

    event.listen(archive._engine, "connect", prepare)
    archive.load()
    return archive


def _batch(calls: int) -> Batch:
    batch = Batch(counting=Counting(0))
    for id_ in (next(_IDS) for _ in range(calls)):
        answered = id_ + 5
        call = Call(
            id_, "inbound", "done", id_, answered, id_ + 95, user=Ref(id_ % 300), number=Ref(id_ % 40)
        )
        batch.records[id_] = CallRecord(call, CallDetails(), "full")
        batch.counted_calls.append(CountedCall(call, "counted", tuple(increments(call, _BOUNDS))))
    return batch


def main() -> None:
    """Measure both settings of `synchronous`, and print a table."""
    print("| calls in a transaction | NORMAL, ms | FULL, ms | FULL / NORMAL | transactions a second, FULL |")
    print("| --: | --: | --: | --: | --: |")
    for calls, saves in SAVES.items():
        with TemporaryDirectory(dir=Path.cwd()) as directory:
            archives = {each: _archive(Path(directory), each) for each in ("NORMAL", "FULL")}
            took: dict[str, list[float]] = {each: [] for each in archives}
            for _ in range(ROUNDS):
                for name, archive in archives.items():
                    for _ in range(saves):
                        batch = _batch(calls)
                        begun = time.perf_counter()
                        archive.save(batch)
                        took[name].append(time.perf_counter() - begun)
            normal, full = (1000 * median(took[name]) for name in ("NORMAL", "FULL"))
            print(f"| {calls} | {normal:.2f} | {full:.2f} | {full / normal:.2f} | {1000 / full:.0f} |")
            for archive in archives.values():
                archive.close()


if __name__ == "__main__":
    main()
