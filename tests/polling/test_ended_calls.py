"""Tests of the calls that may have ended: each is fetched, with as few requests as possible."""

from hypothesis import given
from hypothesis import strategies as st

from exporter.account.call_recheck import RECHECK_AFTER_S
from exporter.aircall.endpoints import PER_PAGE
from exporter.polling.ended_calls import (
    MAX_REQUESTS_PER_PASS,
    CallBatch,
    batch_by_time,
    outside_next_poll,
    possibly_ended,
)
from tests.support.stored_calls import BUSY, NOW, all_users_hung_up, done, no_user_hung_up, store_of, talking


def ids(batches: list[CallBatch]) -> list[set[int]]:
    return [{call.id for call in batch.calls} for batch in batches]


def test_possibly_ended_before_the_user_hangs_up_excludes_the_call() -> None:
    store = store_of(talking(1, 700), done(2, 10))
    assert not any(possibly_ended(store, NOW, no_user_hung_up))
    assert ids(batch_by_time(store, possibly_ended(store, NOW, all_users_hung_up))) == [{1}]
    assert [call.id for call in possibly_ended(store, NOW + RECHECK_AFTER_S, no_user_hung_up)] == [1]


def test_batch_by_time_close_calls_are_one_request() -> None:
    store = store_of(
        *(talking(id_, age) for id_, age in ((1, 880), (2, 700), (3, 600), (4, 520), (5, 120))), *BUSY
    )
    doubtful = list(possibly_ended(store, NOW, all_users_hung_up))
    assert ids(batch_by_time(store, doubtful)) == [{2, 3, 4}, {5}, {1}]
    assert [call.id for call in outside_next_poll(store, doubtful, 10)] == [1, 2, 3, 4]


@given(st.lists(st.integers(1, 3600), max_size=80), st.lists(st.integers(1, 3600), max_size=300))
def test_batch_by_time_any_calls_has_each_call_once_and_batches_of_one_page(
    doubtful: list[int], others: list[int]
) -> None:
    calls = [talking(9000 + position, age) for position, age in enumerate(doubtful)]
    store = store_of(*calls, *(done(position, age) for position, age in enumerate(others)))
    batches = batch_by_time(store, possibly_ended(store, NOW, all_users_hung_up))
    batched = sorted(call.id for batch in batches for call in batch.calls)
    assert batched == [call.id for call in calls] or len(batches) == MAX_REQUESTS_PER_PASS
    assert len(set(batched)) == len(batched)
    for batch in batches:
        found = [age for age in (*doubtful, *others) if batch.since <= NOW - age <= batch.until]
        assert len(batch.calls) == 1 or len(found) <= PER_PAGE
        assert len(batch.calls) == 1 or batch.since >= store.complete_since


def test_possibly_ended_two_calls_of_one_user_includes_the_older_one() -> None:
    store = store_of(talking(1, 700, user=7), talking(2, 100, user=7))
    assert [call.id for call in possibly_ended(store, NOW, no_user_hung_up)] == [1]
