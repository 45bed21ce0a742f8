"""Measure searches of the archive. `python -m bench.archive_search` prints a table for docs/performance.md.

It fills an archive in each database, which takes some minutes for a million calls. Then it runs each search
as the dashboard does: the 500 newest calls and the totals. Times are the best of five, because other load on
the machine only adds to them. The database is in memory by then.
"""

import argparse
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection, create_engine

from exporter.archive.criteria import Criteria
from exporter.archive.store import Archive
from harness.archived_calls import fill
from harness.board_sql import asked, choices, filled, statement
from harness.postgres import postgres
from harness.searches import SEARCHES, ask, criteria, plans

TIMES = 5


def main() -> None:
    """Measure the searches on both databases, and print a table."""
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
        grafana = stack.enter_context(reader(urls[1]))
        print("| search | SQLite, ms | PostgreSQL, ms | the board, ms | indexes of PostgreSQL |")
        print("| --- | --: | --: | --: | --- |")
        for name in SEARCHES:
            query = criteria(name, arguments.days)
            lite, postgresql = (milliseconds(archive, query) for archive in archives)
            used = ", ".join(f"`{index}`" for index in sorted(set(indexes(archives[1], query))))
            board = best(partial(show, grafana, query))
            print(f"| {name} | {lite:.0f} | {postgresql:.0f} | {board:.0f} | {used} |", flush=True)
        for archive in archives:
            archive.close()


def milliseconds(archive: Archive, query: Criteria) -> float:
    """Return the duration of a search, with connecting."""

    def search() -> None:
        with archive.searching() as connection:
            ask(connection, query)

    return best(search)


def best(search: Callable[[], object]) -> float:
    """Return the shortest of several durations in milliseconds."""
    return min(_timed(search) for _ in range(TIMES)) * 1000


def _timed(search: Callable[[], object]) -> float:
    begun = time.perf_counter()
    search()
    return time.perf_counter() - begun


@contextmanager
def reader(url: str) -> Iterator[Connection]:
    """Return a connection of Grafana's database user."""
    engine = create_engine(url)
    with engine.connect() as connection:
        connection.exec_driver_sql("SET random_page_cost = 1.1")
        connection.exec_driver_sql("SET enable_seqscan = off")
        yield connection
    engine.dispose()


def show(connection: Connection, query: Criteria) -> None:
    """Run the SQL of the call history dashboard, with its variables replaced as Grafana does."""
    for panel in ("Calls", "What matches"):
        asked(connection, filled(statement(panel), (query.since, query.until), choices(query)))


def indexes(archive: Archive, query: Criteria) -> Iterator[str]:
    """Yield the indexes that PostgreSQL uses for a search, and in capitals tables that it scans."""
    for plan in plans(archive, query):
        yield from re.findall(r"(?:using|Bitmap Index Scan on) (\w+)", plan)
        yield from (table.upper() for table in re.findall(r"Seq Scan on (\w+)", plan))


if __name__ == "__main__":
    main()
