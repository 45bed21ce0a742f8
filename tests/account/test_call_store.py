"""A poll of calls fetches as little as possible without missing a call."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.account.call_recheck import RECHECK_AFTER_S
from exporter.account.call_store import (
    LATE_ARRIVAL_S,
    MAX_REQUESTS_PER_PASS,
    POLL_OVERLAP_S,
    CallBatch,
    CallsToFetch,
    CallStore,
    HasHungUp,
)
from exporter.aircall.endpoints import PER_PAGE
from exporter.aircall.models import Call, Ref

NOW = 1_780_000_000


def talking(id_: int, age: int, user: int | None = None) -> Call:
    return Call(id_, "inbound", "answered", NOW - age, NOW - age + 5, user=Ref(user or id_))


def done(id_: int, age: int) -> Call:
    return Call(id_, "inbound", "done", NOW - age, NOW - age + 5, NOW - age + 60, user=Ref(id_))


def waiting(id_: int, age: int) -> Call:
    return Call(id_, "inbound", "initial", NOW - age)


def book(*calls: Call, since: int = NOW - 900) -> CallStore:
    filled = CallStore()
    for call in calls:
        filled.apply(call, NOW)
    filled.mark_fetched(since, NOW)
    return filled


def nobody(call: Call, since: float) -> bool:
    return False


def all_users(call: Call, since: float) -> bool:
    return True


def to_read(known: CallStore, hung_up: HasHungUp = nobody) -> CallsToFetch:
    return known.calls_to_fetch(NOW - 900, NOW, NOW, hung_up)


def ids(groups: list[CallBatch]) -> list[set[int]]:
    return [{call.id for call in group.calls} for group in groups]


BUSY = [done(id_, 4 * id_ - 3000) for id_ in range(751, 1000)]
"""A call every four seconds for a quarter of an hour: a page holds those of 200 seconds."""


def test_calls_to_fetch_first_poll_is_the_whole_period() -> None:
    assert to_read(CallStore()).since == NOW - 900


def test_calls_to_fetch_later_poll_is_new_calls_and_overlap() -> None:
    todo = to_read(book(done(1, 200), talking(2, 20), *(done(id_, 90) for id_ in range(3, 60))))
    assert (todo.since, todo.ids) == (NOW - 20 - LATE_ARRIVAL_S, ())
    crowded = to_read(book(*(done(id_, id_ // 2) for id_ in range(300))))
    assert crowded.since == NOW - POLL_OVERLAP_S


def test_calls_to_fetch_with_room_on_the_page_includes_possibly_ended_calls() -> None:
    known = book(talking(1, 700), done(2, 10))
    assert to_read(known).since == NOW - 10 - LATE_ARRIVAL_S
    assert to_read(known, all_users).since == NOW - 700
    assert not any(known.outside_next_poll(known.possibly_ended(NOW, all_users), 10))


def test_possibly_ended_before_the_user_hangs_up_excludes_the_call() -> None:
    known = book(talking(1, 700), done(2, 10))
    assert not any(known.possibly_ended(NOW, nobody))
    assert ids(known.batch_by_time(known.possibly_ended(NOW, all_users))) == [{1}]
    assert [call.id for call in known.possibly_ended(NOW + RECHECK_AFTER_S, nobody)] == [1]


def test_calls_to_fetch_one_old_waiting_call_is_by_id_and_several_are_by_page() -> None:
    todo = to_read(book(waiting(9000, 500), *BUSY))
    assert todo.ids == (9000,)
    todo = to_read(book(*(waiting(9000 + id_, 230) for id_ in range(4)), *BUSY))
    assert (todo.ids, todo.since) == ((), NOW - 230)


def test_calls_to_fetch_waiting_call_before_complete_since_is_by_id() -> None:
    known = book(*(waiting(id_, 5000 - id_) for id_ in range(1, 4)), done(999, 10))
    asked = set[int]()
    for poll in range(3):
        now = NOW + 600 + 10 * poll
        todo = known.calls_to_fetch(NOW - 900, NOW, now, nobody)
        assert todo.since >= NOW - 900
        assert len(todo.ids) == 1
        asked.update(todo.ids)
        known.apply(known.calls[todo.ids[0]], now)
    assert asked == {1, 2, 3}
    assert known.calls_to_fetch(NOW - 900, NOW, NOW + 630, nobody).ids == ()


def test_batch_by_time_close_calls_are_one_request() -> None:
    known = book(
        *(talking(id_, age) for id_, age in ((1, 880), (2, 700), (3, 600), (4, 520), (5, 120))), *BUSY
    )
    doubtful = list(known.possibly_ended(NOW, all_users))
    assert ids(known.batch_by_time(doubtful)) == [{2, 3, 4}, {5}, {1}]
    assert [call.id for call in known.outside_next_poll(doubtful, 10)] == [1, 2, 3, 4]


@given(st.lists(st.integers(1, 3600), max_size=80), st.lists(st.integers(1, 3600), max_size=300))
def test_batch_by_time_any_calls_has_each_call_once_and_batches_of_one_page(
    doubtful: list[int], others: list[int]
) -> None:
    calls = [talking(9000 + position, age) for position, age in enumerate(doubtful)]
    known = book(*calls, *(done(position, age) for position, age in enumerate(others)))
    groups = known.batch_by_time(known.possibly_ended(NOW, all_users))
    looked_at = sorted(call.id for group in groups for call in group.calls)
    assert looked_at == [call.id for call in calls] or len(groups) == MAX_REQUESTS_PER_PASS
    assert len(set(looked_at)) == len(looked_at)
    for group in groups:
        found = [age for age in (*doubtful, *others) if group.since <= NOW - age <= group.until]
        assert len(group.calls) == 1 or len(found) <= PER_PAGE
        assert len(group.calls) == 1 or group.since >= known.complete_since


def test_possibly_ended_two_calls_of_one_user_includes_the_older_one() -> None:
    known = book(talking(1, 700, user=7), talking(2, 100, user=7))
    assert [call.id for call in known.possibly_ended(NOW, nobody)] == [1]


def test_calls_per_second_with_recent_calls_is_their_rate() -> None:
    assert book(*BUSY).calls_per_second == pytest.approx(1 / 4, rel=0.02)
    assert CallStore().calls_per_second == 0


def test_apply_earlier_version_of_a_done_call_changes_nothing() -> None:
    known = CallStore()
    assert known.apply(talking(1, 100), NOW) is False
    assert known.apply(done(1, 100), NOW) is True
    assert known.apply(done(1, 100), NOW) is False
    assert known.apply(talking(1, 100), NOW) is False
    assert known.calls[1].phase == "done"


def test_prune_with_an_old_active_call_removes_old_done_calls_only() -> None:
    known = book(talking(1, 9000), done(2, 8000), done(3, 100))
    known.prune(NOW - 7200, NOW)
    assert set(known.calls) == {1, 3}
    assert known.started_since(0) == 2
