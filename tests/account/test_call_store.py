"""Tests of the call store: which calls it stores, and their rate."""

import pytest

from exporter.account.call_store import CallStore
from tests.support.stored_calls import BUSY, NOW, done, store_of, talking


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
