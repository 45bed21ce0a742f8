"""Tests of the next poll of calls: it fetches as few calls as possible and misses none."""

from exporter.account.call_store import LATE_ARRIVAL_S, CallStore
from exporter.polling.ended_calls import HasHungUp, outside_next_poll, possibly_ended
from exporter.polling.pages_to_fetch import POLL_OVERLAP_S, CallsToFetch, next_poll
from tests.support.stored_calls import (
    BUSY,
    NOW,
    all_users_hung_up,
    done,
    no_user_hung_up,
    store_of,
    talking,
    waiting,
)


def next_fetch(store: CallStore, hung_up: HasHungUp = no_user_hung_up) -> CallsToFetch:
    return next_poll(store, NOW - 900, NOW, NOW, hung_up)


def test_next_poll_first_poll_is_the_whole_period() -> None:
    assert next_fetch(CallStore()).since == NOW - 900


def test_next_poll_later_poll_is_new_calls_and_overlap() -> None:
    fetch = next_fetch(store_of(done(1, 200), talking(2, 20), *(done(id_, 90) for id_ in range(3, 60))))
    assert (fetch.since, fetch.ids) == (NOW - 20 - LATE_ARRIVAL_S, ())
    after_many_calls = next_fetch(store_of(*(done(id_, id_ // 2) for id_ in range(300))))
    assert after_many_calls.since == NOW - POLL_OVERLAP_S


def test_next_poll_with_room_on_the_page_includes_possibly_ended_calls() -> None:
    store = store_of(talking(1, 700), done(2, 10))
    assert next_fetch(store).since == NOW - 10 - LATE_ARRIVAL_S
    assert next_fetch(store, all_users_hung_up).since == NOW - 700
    assert not any(outside_next_poll(store, possibly_ended(store, NOW, all_users_hung_up), 10))


def test_next_poll_one_old_waiting_call_is_by_id_and_several_are_by_page() -> None:
    fetch = next_fetch(store_of(waiting(9000, 500), *BUSY))
    assert fetch.ids == (9000,)
    fetch = next_fetch(store_of(*(waiting(9000 + id_, 230) for id_ in range(4)), *BUSY))
    assert (fetch.ids, fetch.since) == ((), NOW - 230)


def test_next_poll_waiting_call_before_complete_since_is_by_id() -> None:
    store = store_of(*(waiting(id_, 5000 - id_) for id_ in range(1, 4)), done(999, 10))
    requested = set[int]()
    for poll in range(3):
        now = NOW + 600 + 10 * poll
        fetch = next_poll(store, NOW - 900, NOW, now, no_user_hung_up)
        assert fetch.since >= NOW - 900
        assert len(fetch.ids) == 1
        requested.update(fetch.ids)
        store.apply(store.calls[fetch.ids[0]], now)
    assert requested == {1, 2, 3}
    assert next_poll(store, NOW - 900, NOW, NOW + 630, no_user_hung_up).ids == ()
