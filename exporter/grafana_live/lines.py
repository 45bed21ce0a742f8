"""Format the queue as the lines that Grafana Live accepts (Influx line protocol).

Grafana makes one table of each measurement. A panel keeps the last rows of it, as many as its
`maxDataPoints`. So each push has the same number of rows, and each row has all fields.
"""

import re
from collections.abc import Iterator

from exporter.account.waits import Wait, queue_waits
from exporter.clock import Moment
from exporter.polling.status import Snapshot

SLOTS = 8
"""The number of rows of each push. The callers who have waited longest are in the first ones."""

QUEUE, SUMMARY = "queue", "queue_summary"
"""The names of the measurements."""

NO_VALUE = "NaN"
"""The text that Grafana's converter turns into a number without a value."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
"""Control characters, including line breaks. The line protocol cannot escape them."""

_NANOSECONDS = 1_000_000
"""In a millisecond, the unit of time of Grafana's panels."""


def queue_lines(snapshot: Snapshot, now: Moment) -> Iterator[str]:
    """Yield a line for each slot, and one with the totals.

    Grafana merges rows of a measurement that have the same time, so each slot is a millisecond later than the
    one before.

    queue slot=1,caller="+33612345678",number="French Office",wait=23,level=2 1619005327000000000
    queue slot=2,caller="",number="",wait="NaN",level="NaN" 1619005327001000000
    queue_summary waiting=1,longest_wait=23,level=2,up=1 1619005327000000000
    """
    waits = list(queue_waits(snapshot.board, now.steady))
    milliseconds = round(now.unix(now.steady) * 1000)
    for place in range(SLOTS):
        fields = _fields(waits[place]) if place < len(waits) else _EMPTY
        yield f"{QUEUE} slot={place + 1},{fields} {(milliseconds + place) * _NANOSECONDS}"
    longest = max((int(wait.seconds) for wait in waits), default=0)
    level = max((wait.level for wait in waits), default=0)
    totals = f"waiting={len(waits)},longest_wait={longest},level={level}"
    yield f"{SUMMARY} {totals},up={int(snapshot.status.is_up(now.steady))} {milliseconds * _NANOSECONDS}"


def quoted(text: str) -> str:
    """Return a text as a string of the line protocol. Each sequence of control characters becomes a space."""
    text = _CONTROL.sub(" ", text)
    if text == NO_VALUE:
        text += " "
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _fields(wait: Wait) -> str:
    """Return the fields of an occupied slot. Waits are whole seconds, which never show a second early."""
    caller, number = quoted(wait.call.caller), quoted(wait.call.number.name)
    return f"caller={caller},number={number},wait={int(wait.seconds)},level={wait.level}"


_EMPTY = f'caller={quoted("")},number={quoted("")},wait="{NO_VALUE}",level="{NO_VALUE}"'
