"""Find calls that may still be answered or missed, so that nothing that depends on them is decided yet.

The archive has such calls also after a restart, before they are fetched again.
"""

from sqlalchemy import Connection, func, select

from exporter.archive.schema import calls

MAX_UNDECIDED_S = 3600
"""Seconds for which call-backs wait for the end of a call that is not answered."""


def before_undecided(connection: Connection, until: int) -> int:
    """Return `until`, or the last second before the first call that is not answered and not done.

    Calls that began more than `MAX_UNDECIDED_S` before `until` (UNIX seconds) may never end, and are ignored.
    """
    first = connection.scalar(
        select(func.min(calls.c.started_at)).where(
            calls.c.started_at > until - MAX_UNDECIDED_S,
            calls.c.started_at <= until,
            calls.c.outcome.is_(None),
            calls.c.answered_at.is_(None),
        )
    )
    return until if first is None else first - 1
