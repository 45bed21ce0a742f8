"""How fast the archive is searched: `python -m bench.archive_search` prints a table for docs/performance.md.

Fills an archive of either kind (some minutes for a million calls), then asks for each search what a board
asks: the 500 newest calls and the totals. Times are the best of five, since
whatever else the machine does only adds to them; the database is in memory by then.
"""

import argparse
import re
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.history import fill
from bench.queries import SEARCHES, ask, criteria, plans
from exporter.archive.criteria import Criteria
from exporter.archive.store import Archive
from tests.archive.postgres import postgres

TIMES = 5


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.archive_search", description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000, help="default: %(default)s")
    parser.add_argument("--days", type=int, default=180, help="the period searched (default: %(default)s)")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        directory = stack.enter_context(TemporaryDirectory())
        urls = [
            f"sqlite:///{Path(directory) / 'archive.sqlite'}",
            stack.enter_context(postgres()).database("bench"),
        ]
        for url in urls:
            begun = time.perf_counter()
            fill(url, arguments.calls)
            seconds = time.perf_counter() - begun
            print(f"{url.partition(':')[0]} filled in {seconds:.0f} s", file=sys.stderr)
        archives = [Archive(url) for url in urls]
        print("| search | SQLite, ms | PostgreSQL, ms | indexes of PostgreSQL |\n| --- | --: | --: | --- |")
        for name in SEARCHES:
            wanted = criteria(name, arguments.days)
            lite, postgresql = (milliseconds(archive, wanted) for archive in archives)
            used = ", ".join(f"`{index}`" for index in sorted(set(indexes(archives[1], wanted))))
            print(f"| {name} | {lite:.0f} | {postgresql:.0f} | {used} |", flush=True)
        for archive in archives:
            archive.close()


def milliseconds(archive: Archive, wanted: Criteria) -> float:
    """How long a search takes, its connection included."""
    return min(_timed(archive, wanted) for _ in range(TIMES)) * 1000


def _timed(archive: Archive, wanted: Criteria) -> float:
    begun = time.perf_counter()
    with archive.searching() as connection:
        ask(connection, wanted)
    return time.perf_counter() - begun


def indexes(archive: Archive, wanted: Criteria) -> Iterator[str]:
    """The indexes that PostgreSQL uses for a search; a table that it reads whole in capitals."""
    for plan in plans(archive, wanted):
        yield from re.findall(r"(?:using|Bitmap Index Scan on) (\w+)", plan)
        yield from (table.upper() for table in re.findall(r"Seq Scan on (\w+)", plan))


if __name__ == "__main__":
    main()
