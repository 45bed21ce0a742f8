"""Tests of the simulation: reproducible, consistent at any time, and as busy as a real company."""

from collections import Counter
from itertools import accumulate

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.simulator.models import MISSED_CALL_REASONS
from exporter.simulator.payloads import call_payload
from exporter.simulator.simulation import SimulatedAccount

HOUR = 3600
START = 1_780_000_020


def simulated(seed, *, history=HOUR, **arguments):
    return SimulatedAccount(users=24, seed=seed, start=START, history=history, **arguments)


def state_of(account):
    return [call_payload(call, [], account.now) for call in account.calls.values()], [
        account.availability(user_id) for user_id in account.users
    ]


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    steps=st.lists(st.floats(0.001, 1200, allow_nan=False), max_size=60),
)
def test_advance_in_steps_equals_advance_at_once(seed, steps):
    in_steps, at_once = simulated(seed), simulated(seed)
    moments = list(accumulate(steps, initial=START))
    for moment in moments:
        in_steps.advance(moment)
    at_once.advance(moments[-1])
    assert state_of(in_steps) == state_of(at_once)


def test_simulation_with_another_seed_differs():
    assert state_of(simulated(1)) == state_of(simulated(1)) != state_of(simulated(2))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    rate=st.sampled_from([20, 180, 1500]),
    moments=st.lists(st.integers(0, 20 * HOUR)),
)
def test_simulation_at_any_time_has_consistent_calls_and_users(seed, rate, moments):
    account = simulated(seed, calls_per_hour=rate)
    for moment in sorted(moments):
        account.advance(START + moment)
        busy = Counter(
            call.user_id
            for call in account.calls.values()
            if call.status == "answered" or (call.direction == "outbound" and call.status == "initial")
        )
        assert set(busy) == {id_ for id_ in account.users if account.availability(id_) == "in_call"}
        assert all(count == 1 for count in busy.values())
        for call in account.calls.values():
            check_call(call, account)


def test_switched_off_user_takes_no_call_until_switched_on():
    account = simulated(3, calls_per_hour=600)
    user = next(
        user
        for user in account.users.values()
        if account.availability(user.id) == "available" and user.availability_status == "available"
    )

    def calls_taken():
        return sum(call.user is user for call in account.calls.values())

    account.switch(user.id, "unavailable")
    before = calls_taken()
    account.advance(START + 2 * HOUR)
    assert account.availability(user.id) == "do_not_disturb"
    assert calls_taken() == before
    account.switch(user.id, "available")
    account.advance(START + 2.5 * HOUR)
    assert calls_taken() > before


def test_switched_on_user_answers_a_waiting_call():
    account = simulated(3, calls_per_hour=600)
    for user in account.users.values():
        user.availability_status = "available"
        account.switch(user.id, "unavailable")
    account.advance(START + 180)
    waiting = [call for call in account.calls.values() if call.status == "initial" and call.number]
    user_id = next(
        user_id
        for call in waiting
        for user_id in call.number.user_ids
        if account.availability(user_id) == "do_not_disturb"
    )
    account.switch(user_id, "available")
    account.advance(START + 192)
    assert [call.status for call in waiting if call.user_id == user_id] == ["answered"]


def test_switched_off_users_after_a_night_are_available_again():
    account = simulated(3)
    users = [user for user in account.users.values() if user.availability_status == "available"]
    for user in users:
        account.switch(user.id, "unavailable")
    account.advance(START + 24 * HOUR)
    assert "available" in {account.availability(user.id) for user in users}


def check_call(call, account):
    moments = [call.started_at, call.answered_at, call.ended_at]
    known = [moment for moment in moments if moment is not None]
    assert known == sorted(known)
    assert known[-1] <= account.now
    if call.direction == "inbound":
        assert (call.user is None) == (call.answered_at is None)
        missed = call.status == "done" and call.answered_at is None
        assert (call.missed_call_reason in MISSED_CALL_REASONS) == missed
    else:
        assert call.user is not None
        assert call.missed_call_reason is None
    if call.transferred_to is not None:
        assert call.transferred_to is call.user
        assert call.transferred_by is not call.user


def test_simulation_of_a_day_includes_every_kind_of_call():
    account = simulated(1, history=8 * HOUR)
    account.advance(START + 24 * HOUR)
    calls = list(account.calls.values())
    assert {call.missed_call_reason for call in calls} == {None, *MISSED_CALL_REASONS}
    talks = [call.ended_at - call.answered_at for call in calls if call.answered_at and call.ended_at]
    assert sum(talk > 20 * 60 for talk in talks) > 5
    assert sum(talk > 45 * 60 for talk in talks) > 0
    outbound = [call for call in calls if call.direction == "outbound" and call.status == "done"]
    assert {call.answered_at is None for call in outbound} == {True, False}
    for kind in ("transferred_by", "voicemail", "recorded", "tags", "comments", "assigned_to"):
        assert any(getattr(call, kind) for call in calls), kind
    assert any(call.raw_digits == "anonymous" for call in calls)
    assert any(call.number is None for call in calls)


def test_simulation_by_day_is_busy_and_by_night_is_not():
    account = simulated(1, history=8 * HOUR)
    in_call, queues, waits = [], [], []
    while account.now < START + 3 * HOUR:
        account.advance(account.now + 10)
        in_call.append(sum(account.availability(id_) == "in_call" for id_ in account.users))
        latest = account.calls.chronological[-50:]
        waiting = [call for call in latest if call.status == "initial" and call.direction == "inbound"]
        queues.append(len(waiting))
        waits.append(max((account.now - call.started_at for call in waiting), default=0))
    assert 7 <= sum(in_call) / len(in_call) <= 12
    assert 0.2 <= sum(queues) / len(queues) <= 1.5
    assert sum(wait > 10 for wait in waits) / len(waits) > 0.1
    assert sum(wait > 20 for wait in waits) / len(waits) > 0.05

    account.advance(START + 16 * HOUR)
    assert sum(account.availability(id_) == "offline" for id_ in account.users) >= 20


def test_simulation_at_the_start_has_every_state_and_recent_calls():
    account = simulated(1, history=8 * HOUR)
    states = Counter(account.availability(id_) for id_ in account.users)
    assert set(states) == {"available", "offline", "do_not_disturb", "in_call", "after_call_work"}
    latest = [call for call in account.calls.values() if call.started_at > START - 900]
    assert len(latest) >= 30
    assert {call.direction for call in latest} == {"inbound", "outbound"}
    assert any(call.missed_call_reason for call in latest)


def test_simulation_changed_by_a_test_goes_on():
    account = simulated(3)
    for user_id in list(account.users)[:12]:
        account.remove_user(user_id)
    newcomer = account.add_user("Nour Haddad")
    for call in list(account.calls.values()):
        if call.status == "initial" and call.direction == "inbound":
            account.miss(call.id, "no_available_agent")
    account.advance(START + 26 * HOUR)
    assert account.availability(newcomer.id) != "in_call"
    assert all(call.user_id in account.users for call in account.calls.values() if call.status == "answered")
