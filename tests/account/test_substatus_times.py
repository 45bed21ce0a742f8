"""Tests of the time on do not disturb by substatus."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.account import archiving, substatus_times
from exporter.account.account import Account
from exporter.account.counter_totals import Key
from exporter.account.presence import STATES, Presence, State
from exporter.account.records import LoadedState, SaveResult
from exporter.account.substatus_times import FAMILY, MAX_WAIT_FOR_SUBSTATUS_S, SubstatusTimes
from exporter.aircall.data_limits import LIMITS, MAX_WORDS
from exporter.config.settings import Settings

DND: State = "do_not_disturb"
REASONS = ("always_closed", "out_for_lunch", "on_a_break", "in_training", "back_office", "other", "unknown")
NOTHING = dict.fromkeys(REASONS, 0)
STALE_AFTER = 60.0


def key(user: int, substatus: str) -> Key:
    return FAMILY, str(user), substatus


def observed(*readings: tuple[float, str | None]) -> dict[str, float]:
    """Return the seconds by reason after states and substatuses at these times."""
    presence, total = Presence("available", 0.0, 0.0), Counter[str]()
    for at, word in readings:
        state: State | None = next((state for state in STATES if state == word), None)
        if state is not None:
            presence.observe(state, at, STALE_AFTER)
        else:
            presence.set_substatus(word, at)
        total.update(presence.by_substatus.take())
    return dict(total)


def test_time_by_reason_known_later_counts_for_the_reason_from_the_beginning() -> None:
    until_known: list[tuple[float, str | None]] = [(at, DND) for at in (10.0, 40.0)]
    assert observed(*until_known) == {}
    known = (*until_known, (55.0, "on_a_break"))
    assert observed(*known, (60.0, DND), (70.0, "available")) == {"on_a_break": 60.0}


def test_time_by_reason_change_of_the_reason_counts_for_each() -> None:
    readings = (0.0, DND), (0.0, "on_a_break"), (50.0, DND), (50.0, "in_training"), (80.0, "offline")
    assert observed(*readings) == {"on_a_break": 50.0, "in_training": 30.0}


def test_time_by_reason_without_a_reason_is_unknown() -> None:
    held = [(10.0 * step, DND) for step in range(int(MAX_WAIT_FOR_SUBSTATUS_S // 10) + 2)]
    assert observed(*held) == {"unknown": MAX_WAIT_FOR_SUBSTATUS_S + 10}
    assert observed((0.0, DND), (30.0, "available")) == {"unknown": 30.0}
    assert observed((0.0, DND), (0.0, "on_a_break"), (10.0, None), (30.0, "available")) == {"unknown": 30.0}


def test_time_by_reason_of_the_next_state_is_not_its_reason() -> None:
    readings = (0.0, DND), (1.0, "out_for_lunch"), (40.0, DND), (44.0, "always_open"), (45.0, "available")
    assert observed(*readings) == {"out_for_lunch": 45.0}


def test_time_by_reason_without_data_does_not_count() -> None:
    readings = (0.0, DND), (0.0, "on_a_break"), (30.0, DND), (31.0 + STALE_AFTER, DND), (100.0, "available")
    assert observed(*readings) == {"on_a_break": 30.0 + 100.0 - 31.0 - STALE_AFTER}


@given(
    st.lists(
        st.tuples(
            st.floats(0, 100),
            st.sampled_from([*STATES, "always_open", "always_closed", "out_for_lunch", None]),
        )
    )
)
def test_time_by_reason_any_readings_add_up_to_the_time_in_the_state(
    readings: list[tuple[float, str | None]],
) -> None:
    presence, total = Presence("unknown", 0.0, 0.0), Counter[str]()
    elapsed = 0.0
    for seconds, word in [*readings, (0.0, "offline")]:
        elapsed += seconds
        state: State | None = next((state for state in STATES if state == word), None)
        if state is not None:
            presence.observe(state, elapsed, STALE_AFTER)
        else:
            presence.set_substatus(word, elapsed)
        total.update(presence.by_substatus.take())
        assert sum(total.values()) <= presence.seconds[DND] + 1e-6
        assert presence.seconds[DND] - sum(total.values()) <= MAX_WAIT_FOR_SUBSTATUS_S + 1e-6
    if presence.state == "offline":
        assert sum(total.values()) == pytest.approx(presence.seconds[DND])
    assert "always_open" not in total


def times() -> SubstatusTimes:
    return SubstatusTimes(Counter(dict.fromkeys(LIMITS, 0)))


def test_substatus_times_before_the_archive_is_loaded_are_neither_saved_nor_exposed() -> None:
    kept = times()
    kept.add(7, {"other": 30.5})
    assert (kept.take_unsaved(), kept.exposed(7)) == ({}, {})
    kept.restore([(key(7, "other"), 100), (("calls", "7"), 3)])
    assert kept.exposed(7) == NOTHING | {"other": 100}
    assert kept.exposed(8) == NOTHING
    assert kept.take_unsaved() == {key(7, "other"): 130}
    assert kept.take_unsaved() == {}


def test_substatus_times_are_exposed_once_they_are_saved() -> None:
    kept = times()
    kept.restore([])
    kept.add(7, {"other": 30.0})
    taken = kept.take_unsaved()
    assert kept.exposed(7) == NOTHING
    kept.not_saved(taken)
    kept.add(7, {"other": 5.0})
    assert kept.take_unsaved() == {key(7, "other"): 35}
    assert kept.mark_saved([(key(7, "other"), 35), (("calls", "8"), 1)]) == {7}
    assert kept.exposed(7) == NOTHING | {"other": 35}
    assert kept.mark_saved([(key(7, "other"), 30)]) == set()
    assert kept.exposed(7) == NOTHING | {"other": 35}


def test_substatus_times_archive_replaced_at_runtime_keeps_the_larger_sums() -> None:
    kept = times()
    kept.restore([(key(7, "other"), 100)])
    kept.add(7, {"other": 20.0})
    kept.take_unsaved()
    kept.restore([(key(7, "other"), 60), (key(8, "other"), 40)])
    assert [kept.exposed(user)["other"] for user in (7, 8)] == [100, 40]
    assert kept.take_unsaved() == {key(7, "other"): 120, key(8, "other"): 40}


def test_substatus_times_of_users_beyond_the_limit_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(substatus_times, "MAX_IDENTITIES", 2)
    exceeded: Counter = Counter()
    kept = SubstatusTimes(exceeded)
    kept.restore([])
    for user in (1, 2, 3, 1):
        kept.add(user, {"other": 1.0})
    assert kept.take_unsaved() == {key(1, "other"): 2, key(2, "other"): 1}
    assert exceeded == {"substatus_users": 1}


def test_restore_substatuses_of_earlier_runs_stay_and_leave_no_room_for_new_ones() -> None:
    account = Account(Settings())
    stored = [(key(1, f"reason_{number}"), 9) for number in range(MAX_WORDS)]
    archiving.restore(account, LoadedState(totals=stored))
    lists = account.reference_data
    lists.apply_availability(1, DND, 0.0)
    for text, shown in (("Reason 3", "reason_3"), ("A new reason", "other"), ("In training", "in_training")):
        lists.apply_substatus(1, text, 0.0)
        assert account.presence.users[1].substatus == shown
    assert lists.limits["substatuses"] == 1


def test_batch_rejected_substatus_times_are_saved_with_the_next() -> None:
    account = Account(Settings())
    archiving.restore(account, LoadedState())
    lists = account.reference_data
    for at in (0.0, 30.0):
        lists.apply_availability(1, DND, at)
        lists.apply_substatus(1, "Other", at)
    batch = archiving.take_batch(account)
    assert batch.measured == {key(1, "other"): 30}
    assert not archiving.take_batch(account).measured
    archiving.batch_rejected(account, batch)
    assert archiving.take_batch(account).measured == batch.measured
    account.changes.clear()
    assert archiving.batch_saved(account, SaveResult((), batch.measured), None)
    assert account.reference_data.substatus_times.exposed(1)["other"] == 30
    assert account.changes.users == {1}
