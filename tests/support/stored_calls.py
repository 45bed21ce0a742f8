"""Calls in a call store, and users who hang up."""

from exporter.account.call_store import CallStore
from exporter.aircall.models import Call, Ref

NOW = 1_780_000_000


def talking(id_: int, age: int, user: int | None = None) -> Call:
    return Call(id_, "inbound", "answered", NOW - age, NOW - age + 5, user=Ref(user or id_))


def done(id_: int, age: int) -> Call:
    return Call(id_, "inbound", "done", NOW - age, NOW - age + 5, NOW - age + 60, user=Ref(id_))


def waiting(id_: int, age: int) -> Call:
    return Call(id_, "inbound", "initial", NOW - age)


def store_of(*calls: Call, since: int = NOW - 900) -> CallStore:
    filled = CallStore()
    for call in calls:
        filled.apply(call, NOW)
    filled.mark_fetched(since, NOW)
    return filled


def no_user_hung_up(call: Call, since: float) -> bool:
    return False


def all_users_hung_up(call: Call, since: float) -> bool:
    return True


BUSY = [done(id_, 4 * id_ - 3000) for id_ in range(751, 1000)]
"""A call every four seconds for a quarter of an hour: a page holds those of 200 seconds."""
