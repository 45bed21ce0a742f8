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

CALL_INFO = Family(
    "aircall_queue_call_info",
    "gauge",
    "Stage of each call that no user has answered: ringing if the caller waits for a person, menu if they"
    " are in a menu or with an AI voice agent, unknown (counts as waiting) if Aircall does not report it."
    " Always 1.",
    (*_NUMBER, "call_id", "stage"),
    group="queue",
)
MENU_CALLS = Family(
    "aircall_queue_menu_calls",
    "gauge",
    "Callers in a menu of the number, or with its AI voice agent. They do not wait for a person yet, and are"
    " in no other queue metric except aircall_queue_call_info.",
    _NUMBER,
    group="queue",
)

FAMILIES = (QUEUE_CALLS, LONGEST_WAIT, CALL_WAIT, CALL_WAIT_LEVEL, CALL_INFO, MENU_CALLS)


def queue_samples(board: Board, now: float) -> Iterator[Sample]:
    """Yield the samples of the queue, which change with the clock. `now` is in seconds of our clock.

    aircall_queue_calls{number_id="1234",number="French Office"} 2
    aircall_queue_longest_wait_seconds{number_id="1234",number="French Office"} 23.4
    aircall_queue_call_wait_seconds{number_id="1234",number="French Office",call_id="987",caller="+33…"} 23.4
    aircall_queue_call_wait_level{number_id="1234",number="French Office",call_id="987",caller="+33…"} 2
    aircall_queue_call_info{number_id="1234",number="French Office",call_id="987",stage="ringing"} 1
    aircall_queue_menu_calls{number_id="1234",number="French Office"} 1
    """
    known = "calls" in board.known
    numbers = [row.number for row in board.numbers] if known else []
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
    for call in (*board.queue, *board.in_menu):
        yield CALL_INFO, (*call.number, call.id, call.stage), 1
    in_menu = Counter(call.number for call in board.in_menu)
    for number in dict.fromkeys((*longest, *in_menu)):
        yield QUEUE_CALLS, number, waiting[number] if known else None
        yield LONGEST_WAIT, number, longest.get(number, 0.0)
        yield MENU_CALLS, number, in_menu[number] if known else None
