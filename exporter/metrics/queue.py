"""Families of the queue: waiting calls and their waits, evaluated at each scrape."""

from collections import Counter
from collections.abc import Iterator

from exporter.account.board import Board
from exporter.account.directory import NamedRef
from exporter.account.waits import queue_waits
from exporter.metrics.family import Family, Sample

_NUMBER = ("number_id", "number")

QUEUE_CALLS = Family(
    "aircall_queue_calls",
    "gauge",
    "Inbound calls waiting on the number. In all queue families, a call without a number has empty number"
    " labels; that series exists from the first such call on.",
    _NUMBER,
    group="queue",
)
LONGEST_WAIT = Family(
    "aircall_queue_longest_wait_seconds",
    "gauge",
    "Wait so far of the caller who has waited longest on the number; 0 if no caller waits.",
    _NUMBER,
    group="queue",
)
CALL_WAIT = Family(
    "aircall_queue_call_wait_seconds",
    "gauge",
    "Wait so far of each waiting caller.",
    (*_NUMBER, "call_id", "caller"),
    group="queue",
)
CALL_WAIT_LEVEL = Family(
    "aircall_queue_call_wait_level",
    "gauge",
    "Wait level of each waiting caller: 2 from queue_wait.critical, 1 from queue_wait.warning, else 0.",
    (*_NUMBER, "call_id", "caller"),
    group="queue",
)

FAMILIES = (QUEUE_CALLS, LONGEST_WAIT, CALL_WAIT, CALL_WAIT_LEVEL)


def queue_samples(board: Board, now: float) -> Iterator[Sample]:
    """Yield the samples of the queue, which change with the clock. `now` is in seconds of our clock.

    aircall_queue_calls{number_id="1234",number="French Office"} 2
    aircall_queue_longest_wait_seconds{number_id="1234",number="French Office"} 23.4
    aircall_queue_call_wait_seconds{number_id="1234",number="French Office",call_id="987",caller="+33…"} 23.4
    aircall_queue_call_wait_level{number_id="1234",number="French Office",call_id="987",caller="+33…"} 2
    """
    numbers = [row.number for row in board.numbers] if "calls" in board.known else []
    if board.queue_without_number:
        numbers.append(NamedRef("", ""))
    longest = dict.fromkeys(numbers, 0.0)
    waiting = Counter(dict.fromkeys(numbers, 0))
    for call, wait, level in queue_waits(board, now):
        waiting[call.number] += 1
        longest[call.number] = max(longest.get(call.number, 0.0), wait)
        caller = (*call.number, call.id, call.caller)
        yield CALL_WAIT, caller, wait
        yield CALL_WAIT_LEVEL, caller, level
    for number, wait in longest.items():
        yield QUEUE_CALLS, number, waiting[number] if "calls" in board.known else None
        yield LONGEST_WAIT, number, wait
