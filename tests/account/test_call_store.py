"""Tests of the call store: a poll fetches as few calls as possible and misses none."""

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


def next_fetch(store: CallStore, hung_up: HasHungUp = no_user_hung_up) -> CallsToFetch:
    return store.calls_to_fetch(NOW - 900, NOW, NOW, hung_up)


def ids(batches: list[CallBatch]) -> list[set[int]]:
    return [{call.id for call in batch.calls} for batch in batches]


BUSY = [done(id_, 4 * id_ - 3000) for id_ in range(751, 1000)]
"""A call every four seconds for a quarter of an hour: a page holds those of 200 seconds."""


def test_calls_to_fetch_first_poll_is_the_whole_period() -> None:
    assert next_fetch(CallStore()).since == NOW - 900


def test_calls_to_fetch_later_poll_is_new_calls_and_overlap() -> None:
    fetch = next_fetch(store_of(done(1, 200), talking(2, 20), *(done(id_, 90) for id_ in range(3, 60))))
    assert (fetch.since, fetch.ids) == (NOW - 20 - LATE_ARRIVAL_S, ())
    after_many_calls = next_fetch(store_of(*(done(id_, id_ // 2) for id_ in range(300))))
    assert after_many_calls.since == NOW - POLL_OVERLAP_S


def test_calls_to_fetch_with_room_on_the_page_includes_possibly_ended_calls() -> None:
    store = store_of(talking(1, 700), done(2, 10))
    assert next_fetch(store).since == NOW - 10 - LATE_ARRIVAL_S
    assert next_fetch(store, all_users_hung_up).since == NOW - 700
    assert not any(store.outside_next_poll(store.possibly_ended(NOW, all_users_hung_up), 10))


def test_possibly_ended_before_the_user_hangs_up_excludes_the_call() -> None:
    store = store_of(talking(1, 700), done(2, 10))
    assert not any(store.possibly_ended(NOW, no_user_hung_up))
    assert ids(store.batch_by_time(store.possibly_ended(NOW, all_users_hung_up))) == [{1}]
    assert [call.id for call in store.possibly_ended(NOW + RECHECK_AFTER_S, no_user_hung_up)] == [1]


def test_calls_to_fetch_one_old_waiting_call_is_by_id_and_several_are_by_page() -> None:
    fetch = next_fetch(store_of(waiting(9000, 500), *BUSY))
    assert fetch.ids == (9000,)
    fetch = next_fetch(store_of(*(waiting(9000 + id_, 230) for id_ in range(4)), *BUSY))
    assert (fetch.ids, fetch.since) == ((), NOW - 230)


def test_calls_to_fetch_waiting_call_before_complete_since_is_by_id() -> None:
    store = store_of(*(waiting(id_, 5000 - id_) for id_ in range(1, 4)), done(999, 10))
    requested = set[int]()
    for poll in range(3):
        now = NOW + 600 + 10 * poll
        fetch = store.calls_to_fetch(NOW - 900, NOW, now, no_user_hung_up)
        assert fetch.since >= NOW - 900
        assert len(fetch.ids) == 1
        requested.update(fetch.ids)
        store.apply(store.calls[fetch.ids[0]], now)
    assert requested == {1, 2, 3}
    assert store.calls_to_fetch(NOW - 900, NOW, NOW + 630, no_user_hung_up).ids == ()


def test_batch_by_time_close_calls_are_one_request() -> None:
    store = store_of(
        *(talking(id_, age) for id_, age in ((1, 880), (2, 700), (3, 600), (4, 520), (5, 120))), *BUSY
    )
    doubtful = list(store.possibly_ended(NOW, all_users_hung_up))
    assert ids(store.batch_by_time(doubtful)) == [{2, 3, 4}, {5}, {1}]
    assert [call.id for call in store.outside_next_poll(doubtful, 10)] == [1, 2, 3, 4]


@given(st.lists(st.integers(1, 3600), max_size=80), st.lists(st.integers(1, 3600), max_size=300))
def test_batch_by_time_any_calls_has_each_call_once_and_batches_of_one_page(
    doubtful: list[int], others: list[int]
) -> None:
    calls = [talking(9000 + position, age) for position, age in enumerate(doubtful)]
    store = store_of(*calls, *(done(position, age) for position, age in enumerate(others)))
    batches = store.batch_by_time(store.possibly_ended(NOW, all_users_hung_up))
    batched = sorted(call.id for batch in batches for call in batch.calls)
    assert batched == [call.id for call in calls] or len(batches) == MAX_REQUESTS_PER_PASS
    assert len(set(batched)) == len(batched)
    for batch in batches:
        found = [age for age in (*doubtful, *others) if batch.since <= NOW - age <= batch.until]
        assert len(batch.calls) == 1 or len(found) <= PER_PAGE
        assert len(batch.calls) == 1 or batch.since >= store.complete_since


def test_possibly_ended_two_calls_of_one_user_includes_the_older_one() -> None:
    store = store_of(talking(1, 700, user=7), talking(2, 100, user=7))
    assert [call.id for call in store.possibly_ended(NOW, no_user_hung_up)] == [1]


def test_calls_per_second_with_recent_calls_is_their_rate() -> None:
    assert store_of(*BUSY).calls_per_second == pytest.approx(1 / 4, rel=0.02)
    assert CallStore().calls_per_second == 0


def test_apply_earlier_version_of_a_done_call_changes_nothing() -> None:
    store = CallStore()
    assert store.apply(talking(1, 100), NOW) is False
    assert store.apply(done(1, 100), NOW) is True
    assert store.apply(done(1, 100), NOW) is False
    assert store.apply(talking(1, 100), NOW) is False
    assert store.calls[1].phase == "done"


def test_prune_with_an_old_active_call_removes_old_done_calls_only() -> None:
    store = store_of(talking(1, 9000), done(2, 8000), done(3, 100))
    store.prune(NOW - 7200, NOW)
    assert set(store.calls) == {1, 3}
    assert store.started_since(0) == 2
