"""Define the searches of the generated history, and show their query plans."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event

from exporter.archive.criteria import Criteria
from exporter.archive.search import page, totals
from exporter.archive.store import Archive
from harness.archived_calls import END, RARE_TAG, START

NEWEST = 500
"""Calls of the page, as on the dashboard."""

SEARCHES: dict[str, dict[str, Any]] = {
    "period alone": {},
    "user": {"users": ("7",)},
    "three users, by name": {"users": ("Adam Andersen", "Alice Andersen", "Felix Bauer")},
    "team": {"teams": ("Sales 1",)},
    "number": {"numbers": ("Lyon 5",)},
    "direction": {"directions": ("outbound",)},
    "with a recording": {"assets": ("recording",)},
    "with a voicemail": {"assets": ("voicemail",)},
    "missed": {"missed": True},
    "not missed": {"missed": False},
    "missed reason": {"reasons": ("no_available_agent",)},
    "a reason that no call has": {"reasons": ("other",)},
    "longer than": {"longer_than": 900},
    "shorter than": {"shorter_than": 5},
    "tag": {"tags": ("Tag 3",)},
    "rare tag": {"tags": (RARE_TAG,)},
    "caller, whole": {"callers": ("+33 6 12 01 52 00",)},
    "caller, last digits": {"callers": ("5200",)},
    "anonymous caller": {"callers": ("anonymous",)},
    "text in many comments": {"texts": ("customer",)},
    "text in few comments": {"texts": ("contract renewal",)},
    "text in no call": {"texts": ("no such word",)},
    "text that is a name": {"texts": ("andersen",)},
    "user, direction and tag": {"users": ("7",), "directions": ("inbound",), "tags": ("Tag 3",)},
    "team, missed and text": {"teams": ("Sales 1",), "missed": True, "texts": ("refund",)},
    "number, missed and longer": {"numbers": ("Lyon 5",), "missed": True, "longer_than": 60},
}


def criteria(name: str, days: int) -> Criteria:
    """Return the criteria of a search over a number of days."""
    return Criteria(max(START, END - days * 86400), END, **SEARCHES[name])


def ask(connection: Connection, query: Criteria) -> None:
    """Fetch the newest calls that match, and the totals of all matching calls."""
    page(connection, query, NEWEST)
    totals(connection, query)


def plans(archive: Archive, query: Criteria) -> Iterator[str]:
    """Yield the query plans of a search's queries of calls."""
    with archive.searching() as connection:
        with _executed(connection) as statements:
            ask(connection, query)
        explain = "EXPLAIN " if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN "
        for statement, parameters in statements:
            if re.search(r"FROM calls\b", statement):
                plan = connection.exec_driver_sql(explain + statement, parameters)
                yield "\n".join(str(row[-1]) for row in plan)


@contextmanager
def _executed(connection: Connection) -> Iterator[list[tuple[str, Any]]]:
    statements: list[tuple[str, Any]] = []

    def executed(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        statements.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", executed)
    try:
        yield statements
    finally:
        event.remove(connection, "before_cursor_execute", executed)


READS_ALL = r"Seq Scan on calls\b|\bSCAN calls\b"
