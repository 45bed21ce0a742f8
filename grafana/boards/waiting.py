"""Build one tile for each waiting caller: the wait, the number, and users who could answer."""

from grafana.boards.promql import (
    EXPORTER,
    NUMBER,
    Text,
    clock,
    constant,
    described,
    named_queue,
    number,
    reworded,
    sentence,
)

CALL = "instance, call_id"
LINE = "instance, number_id"
SHOWN = 8
NAMED = 3


def callers() -> str:
    """Return a query for the longest waits, or for a tile which says that there are none."""
    waits = named_queue(f"topk({SHOWN}, aircall_queue_call_wait_seconds{{{NUMBER}}})")
    free = _free()
    texts = (
        clock("wait", f"max by ({CALL}) ({waits})", CALL),
        number("level", f"max by ({CALL}) (aircall_queue_call_wait_level{{{NUMBER}}})", CALL),
        number("free", f"{_assigned(0)} or count by ({LINE}) ({free})", LINE, "nobody is free", "0"),
        *_names(free),
        number("more", f"count by ({LINE}) ({free}) - {NAMED} > 0", LINE, " +$1"),
    )
    told = described(waits, f"aircall_queue_call_wait_seconds{{{NUMBER}}}", texts)
    told = sentence(told, "who", "free", *(text.label for text in _names(free)), "more", separator="")
    told = sentence(told, "about", "number", "who", separator=" → ")
    told = sentence(told, "text", "level", "about", separator="|")
    return f"{sentence(told, 'caption', 'wait', 'caller', separator='  ')}\nor on ()\n{_nobody()}"


def _free() -> str:
    """Return how long each user of a number who can take a call has been available."""
    since = (
        f"time() - aircall_user_availability_changed_timestamp_seconds{{{EXPORTER}}}"
        f' and on (instance, user_id) aircall_user_availability{{{EXPORTER}, state="available"}} == 1'
    )
    return (
        f"aircall_user_number_info{{{NUMBER}}}"
        f" * on (instance, user_id) group_left () max by (instance, user_id) ({since})"
    )


def _assigned(times: int) -> str:
    free = f'aircall_number_users{{{NUMBER}, state="available"}} == {times}'
    return f"(max by ({LINE}) ({free}) and on ({LINE}) aircall_user_number_info{{{NUMBER}}})"


def _names(free: str) -> list[Text]:
    """Return the names of free users. The user who has been available longest comes first."""
    names: list[Text] = []
    earlier: list[str] = []
    for place in range(NAMED):
        left = f"({free})" + "".join(
            f" unless on (instance, user_id, number_id) ({pick})" for pick in earlier
        )
        pick = f"topk by ({LINE}) (1, {left})"
        label = f"name{place}"
        names.append(Text(label, reworded(f"{pick} ^ 0", label, ", $1" if place else "$1", "user"), LINE))
        earlier.append(pick)
    return names


def _nobody() -> str:
    told = constant(f"sum(aircall_queue_calls{{{NUMBER}}}) == 0", "caption", "Nobody is waiting")
    return constant(told, "text", "calm|Every caller has been taken care of")
