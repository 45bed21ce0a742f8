"""The board while calls ring, are answered, transferred and end, and the calls of the activity period."""

import pytest

from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, Polled, polled
from tests.support.calls import some_number
from tests.support.period_calls import recent_calls


def test_queue_two_callers_on_one_number_has_both(world: Polled, account: SimulatedAccount) -> None:
    number, users = some_number(account)
    first = account.ring_in(number, "+33 1 11 11 11 11", at=world.time.now)
    world.live(15)
    second = account.ring_in(number, "+33 2 22 22 22 22", at=world.time.now)
    world.poll()
    scrape = world.scrape()
    assert scrape.value("aircall_queue_calls", number_id=number) == 2
    assert scrape.labels("aircall_queue_call_wait_seconds", "call_id") == {str(first.id), str(second.id)}
    for user in users:
        assert set(scrape.all("aircall_user_waiting_calls", user_id=user).values()) == {2}
    longest = scrape.value("aircall_queue_longest_wait_seconds", number_id=number)
    assert longest == scrape.value("aircall_queue_call_wait_seconds", call_id=first.id)


def test_queue_call_wait_as_time_passes_grows_without_requests(
    world: Polled, account: SimulatedAccount
) -> None:
    number, _ = some_number(account)
    call = account.ring_in(number, "anonymous", at=world.time.now)
    world.poll()
    requests = len(world.aircall.requests)
    for wait, level in ((9.5, 0), (10.5, 1), (19.5, 1), (20.5, 2), (300, 2)):
        world.time.now = call.started_at + wait
        scrape = world.scrape()
        assert scrape.value("aircall_queue_call_wait_seconds", call_id=call.id) == pytest.approx(wait)
        assert scrape.value("aircall_queue_call_wait_level", call_id=call.id) == level
        assert scrape.labels("aircall_queue_call_wait_seconds", "caller") == {"anonymous"}
    assert len(world.aircall.requests) == requests


def test_queue_ringing_outbound_call_is_not_in_it(world: Polled, account: SimulatedAccount) -> None:
    number, users = some_number(account)
    account.dial(users[0], number, "+33 1 11 11 11 11", at=world.time.now)
    world.poll()
    scrape = world.scrape()
    assert scrape.value("aircall_queue_calls", number_id=number) == 0
    assert not scrape.all("aircall_queue_call_wait_seconds")
    assert not scrape.all("aircall_user_current_call_seconds")


def test_poll_call_from_ringing_to_done_is_shown_in_each_phase(
    world: Polled, account: SimulatedAccount
) -> None:
    number, users = some_number(account)
    labels = {"user_id": users[0], "number_id": number, "direction": "inbound"}
    before = world.scrape().sum("aircall_calls_total")
    call = account.ring_in(number, "+33 1 11 11 11 11", at=world.time.now)
    world.poll()
    account.answer(call.id, users[0], at=world.time.now)
    world.poll()
    scrape = world.scrape()
    assert call.answered_at is not None
    talking = scrape.value("aircall_user_current_call_seconds", **labels)
    assert talking == pytest.approx(world.time.now - call.answered_at)
    assert scrape.value("aircall_queue_calls", number_id=number) == 0
    assert scrape.value("aircall_user_availability_code", user_id=users[0]) == 3
    account.hang_up(call.id, at=world.time.now)
    world.poll()
    scrape = world.scrape()
    assert not scrape.all("aircall_user_current_call_seconds")
    assert scrape.value("aircall_calls_total", outcome="answered", **labels) == 1
    assert scrape.sum("aircall_calls_total") == before + 1


def test_current_call_from_before_the_period_is_shown_after_a_start(account: SimulatedAccount) -> None:
    number, users = some_number(account)
    call = account.ring_in(number, "+33 1 11 11 11 11", at=NOON + 1)
    account.answer(call.id, users[0], at=NOON + 4)
    account.advance(NOON + 3600)
    with polled(account) as world:
        world.live_until_complete()
        world.live(30)
        assert world.scrape().number("aircall_user_current_call_seconds", user_id=users[0]) > 3590


def test_current_call_transferred_is_shown_for_the_new_user(world: Polled, account: SimulatedAccount) -> None:
    number, users = some_number(account)
    call = account.ring_in(number, "+33 1 11 11 11 11", at=world.time.now)
    account.answer(call.id, users[0], at=world.time.now + 5)
    world.live(30)
    account.transfer(call.id, users[1], at=world.time.now)
    world.live(30)
    assert world.scrape().labels("aircall_user_current_call_seconds", "user_id") == {str(users[1])}


def test_calls_total_before_a_call_ends_has_its_series_at_0(world: Polled, account: SimulatedAccount) -> None:
    number, users = some_number(account)
    elsewhere = next(user for user in account.users if user not in users)
    call = account.ring_in(number, "+33 1 11 11 11 11", at=world.time.now)
    account.answer(call.id, users[0], at=world.time.now + 5)
    account.transfer(call.id, elsewhere, at=world.time.now + 30)
    account.ring_in(None, "+33 2 22 22 22 22", at=world.time.now + 30)
    world.live(60)
    talked = {"user_id": elsewhere, "number_id": number, "direction": "inbound", "outcome": "answered"}
    unassigned = {"user_id": "", "number_id": "", "direction": "inbound", "outcome": "missed"}
    for labels in (talked, unassigned):
        assert world.scrape().value("aircall_calls_total", **labels) == 0
    account.hang_up(call.id, at=world.time.now)
    world.poll()
    assert world.scrape().value("aircall_calls_total", **talked) == 1


def test_missed_call_counts_for_every_user_of_the_number(world: Polled, account: SimulatedAccount) -> None:
    number, users = some_number(account)
    call = account.ring_in(number, "+33 1 11 11 11 11", at=world.time.now)
    account.miss(call.id, "a_reason_added_later", at=world.time.now + 8)
    world.live(30)
    scrape = world.scrape()
    for user in account.users:
        expected = {1.0} if user in users else {0.0}
        assert (
            set(
                scrape.all(
                    "aircall_user_period_calls", period="recent", user_id=user, outcome="missed"
                ).values()
            )
            == expected
        )
    assert scrape.value("aircall_missed_calls_total", number_id=number, reason="a_reason_added_later") == 1
    assert scrape.value("aircall_calls_total", number_id=number, outcome="missed", user_id="") == 1


def test_calls_total_call_without_number_and_user_has_empty_labels(
    world: Polled, account: SimulatedAccount
) -> None:
    call = account.ring_in(None, "+33 1 11 11 11 11", at=world.time.now)
    world.poll()
    account.answer(call.id, None, at=world.time.now)
    account.hang_up(call.id, at=world.time.now + 1)
    world.live(30)
    labels = {"user_id": "", "user": "", "number_id": "", "number": ""}
    scrape = world.scrape()
    assert scrape.value("aircall_calls_total", outcome="answered", direction="inbound", **labels) == 1
    assert scrape.sum("aircall_number_period_calls", period="recent") == 0


def test_queue_call_deleted_at_aircall_leaves_it(world: Polled, account: SimulatedAccount) -> None:
    number, _ = some_number(account)
    call = account.ring_in(number, "+33 1 11 11 11 11", at=world.time.now)
    world.poll()
    account.calls.chronological.remove(account.calls.pop(call.id))
    world.poll()
    assert world.scrape().value("aircall_queue_calls", number_id=number) == 0


@pytest.mark.parametrize("skew", [-600, 600])
def test_queue_call_wait_with_a_different_clock_at_aircall_is_right(skew: float) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    number, _ = some_number(account)
    with polled(account, served={"clock_skew": skew}) as world:
        call = account.ring_in(number, "+33 1 11 11 11 11")
        world.live_until_complete()
        world.live(25)
        waited = world.scrape().value("aircall_queue_call_wait_seconds", call_id=call.id)
        assert waited == pytest.approx(world.time.now + skew - call.started_at, abs=1.1)


def test_calls_total_after_an_hour_without_polls_counts_every_call(
    world: Polled, account: SimulatedAccount
) -> None:
    number, _ = some_number(account)
    begin = world.time.now
    world.time.now += 3600
    for minute in range(60):
        call = account.ring_in(number, "+33 1 11 11 11 11", at=begin + 60 * minute)
        account.miss(call.id, "short_abandoned", at=begin + 60 * minute + 3)
    world.live(60)
    scrape = world.scrape()
    assert scrape.sum("aircall_calls_total") == 60
    assert recent_calls(scrape, "number", number_id=number, outcome="missed") in (14, 15)
