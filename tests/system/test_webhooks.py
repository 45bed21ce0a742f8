"""Webhook events over HTTP: what the board shows after them, and which ones are refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.archive.store import Archive
from exporter.config.settings import Refresh
from exporter.simulator.simulation import SimulatedAccount
from harness.substatuses import NORMALISED
from tests.support.calls import some_number
from tests.support.ring_plan import shown_attempts
from tests.support.webhook_posts import event, post
from tests.support.webhook_world import PolledWithEvents, at, fed_by_events, polled_with_events, state


@pytest.fixture
def world(account: SimulatedAccount) -> Iterator[PolledWithEvents]:
    """Run an exporter of the quiet company that receives events and no longer polls."""
    with fed_by_events(account) as world:
        yield world


def test_events_call_from_ringing_to_done_is_shown_in_each_phase(
    world: PolledWithEvents, account: SimulatedAccount
) -> None:
    number, users = some_number(account)
    labels = {"user_id": users[0], "number_id": number, "direction": "inbound"}
    call = account.ring_in(number, "+33 1 11 11 11 11", at=world.time.now)
    assert at(world, 0).value("aircall_queue_calls", number_id=number) == 1
    account.answer(call.id, users[0], at=world.time.now + 7)
    scrape = at(world, 8)
    assert scrape.value("aircall_queue_calls", number_id=number) == 0
    assert call.answered_at is not None
    talking = scrape.value("aircall_user_current_call_seconds", **labels)
    assert talking == world.time.now - call.answered_at
    assert state(scrape, users[0]) == {"in_call"}
    account.transfer(call.id, users[1], at=world.time.now + 5)
    scrape = at(world, 6)
    assert scrape.labels("aircall_user_current_call_seconds", "user_id") == {str(users[1])}
    account.hang_up(call.id, at=world.time.now)
    scrape = at(world, 1)
    assert not scrape.all("aircall_user_current_call_seconds")
    labels["user_id"] = users[1]
    assert scrape.value("aircall_calls_total", outcome="answered", **labels) == 1
    assert (
        scrape.value(
            "aircall_user_period_calls",
            period="recent",
            outcome="answered",
            user_id=users[1],
            direction="inbound",
        )
        == 1
    )


def test_events_availability_changes_are_shown_at_once(
    world: PolledWithEvents, account: SimulatedAccount
) -> None:
    user = next(iter(account.users))
    for availability in ("do_not_disturb", "available", "offline", "available"):
        account.set_availability(user, availability, at=world.time.now + 10)
        assert state(at(world, 11), user) == {availability}


def test_events_substatus_changes_are_shown_at_once(
    world: PolledWithEvents, account: SimulatedAccount
) -> None:
    user = next(iter(account.users))
    account.set_availability(user, "do_not_disturb", at=world.time.now + 5, substatus="out_for_lunch")
    shown = at(world, 6).labels("aircall_user_substatus", "substatus", user_id=user)
    assert shown == {"out_for_lunch"}
    account.set_availability(user, "available", at=world.time.now + 5)
    shown = at(world, 6).labels("aircall_user_substatus", "substatus", user_id=user)
    assert shown == {"always_open"}


def test_events_substatus_spelled_as_in_no_poll_is_shown_in_one_spelling(account: SimulatedAccount) -> None:
    user = next(iter(account.users))
    with polled_with_events(account) as world:
        world.live_until_complete()
        for reason in set(NORMALISED.values()) - {"always_open"}:
            account.set_availability(user, "do_not_disturb", at=world.time.now, substatus=reason)
            by_event = at(world, 1).labels("aircall_user_substatus", "substatus", user_id=user)
            world.live(75)
            by_poll = world.scrape().labels("aircall_user_substatus", "substatus", user_id=user)
            assert by_event == by_poll == {reason}


def test_events_after_call_work_is_shown_at_once(world: PolledWithEvents, account: SimulatedAccount) -> None:
    number, users = some_number(account)
    account.users[users[0]].wrap_up_time = 30
    call = account.ring_in(number, "+33 1 11 11 11 11", at=world.time.now)
    account.answer(call.id, users[0], at=world.time.now + 5)
    at(world, 10)
    account.hang_up(call.id, at=world.time.now)
    assert state(at(world, 1), users[0]) == {"after_call_work"}
    assert state(at(world, 31), users[0]) == {"available"}


def test_events_queue_wait_ring_attempts_and_hold_are_counted_to_the_second(
    world: PolledWithEvents, account: SimulatedAccount
) -> None:
    number, users = some_number(account)
    begun = int(world.time.now) + 1
    answered, abandoned = (account.ring_in(number, "+33 1 11 11 11 11", at=begun) for _ in range(2))
    account.ring_on(answered.id, users[0], at=begun + 4)
    account.decline(answered.id, users[0], at=begun + 6)
    account.ring_on(answered.id, users[1], at=begun + 6)
    account.answer(answered.id, users[1], at=begun + 9)
    account.hold(answered.id, at=begun + 12)
    account.miss(abandoned.id, "abandoned_in_classic", at=begun + 23)
    account.unhold(answered.id, at=begun + 31)
    account.hold(answered.id, at=begun + 40)
    account.unhold(answered.id, at=begun + 42)
    account.hang_up(answered.id, at=begun + 60)
    assert at(world, 62).sum("aircall_call_queue_wait_seconds_count") == 0
    scrape = at(world, 61)
    assert scrape.value("aircall_call_queue_wait_seconds_count", number_id=number) == 2
    assert scrape.value("aircall_call_queue_wait_seconds_sum", number_id=number) == 4 + 23
    assert shown_attempts(scrape) == {(users[0], "declined"): 1, (users[1], "answered"): 1}
    assert scrape.value("aircall_user_hold_seconds_sum", user_id=users[1]) == 19 + 2
    assert scrape.value("aircall_user_hold_seconds_count", user_id=users[1]) == 2


def intervals(world: PolledWithEvents) -> list[float | None]:
    """Return the intervals in force of calls and of availabilities."""
    scrape = world.scrape()
    datasets = ("calls", "availabilities")
    return [scrape.value("aircall_poll_interval_seconds", dataset=name) for name in datasets]


def requests_for_live_data(world: PolledWithEvents) -> int:
    paths = [request.path for request in world.aircall.requests]
    return paths.count("/v1/calls") + paths.count("/v1/users/availabilities")


def test_poll_interval_while_events_come_is_longer(account: SimulatedAccount) -> None:
    number, _ = some_number(account)
    with polled_with_events(account, refresh=Refresh()) as world:
        world.live_until_complete()
        world.live(30)
        assert intervals(world) == [5, 5]
        account.ring_in(number, "+33 1 11 11 11 11", at=world.time.now)
        world.live(1)
        assert intervals(world) == [60, 5]
        account.set_availability(next(iter(account.users)), "do_not_disturb", at=world.time.now)
        world.live(1)
        assert intervals(world) == [60, 60]
        before = requests_for_live_data(world)
        world.live(240)
        assert 2 * 4 <= requests_for_live_data(world) - before <= 2 * 4 + 2  # two for rechecks of calls
        world.live(90)
        assert intervals(world) == [5, 5]
        assert world.scrape().value("aircall_poll_target_interval_seconds", dataset="calls") == 5


def test_poll_of_availabilities_after_a_call_ended_by_event_is_early(account: SimulatedAccount) -> None:
    number, users = some_number(account)
    account.users[users[0]].wrap_up_time = 0
    with polled_with_events(account) as world:
        world.live_until_complete()
        account.set_availability(users[1], "do_not_disturb", at=world.time.now)
        call = account.ring_in(number, "+33 1 11 11 11 11", at=world.time.now)
        account.answer(call.id, users[0], at=world.time.now + 3)
        world.live(30)
        assert state(world.scrape(), users[0]) == {"in_call"}
        account.hang_up(call.id, at=world.time.now)
        world.live(12)
        assert state(world.scrape(), users[0]) == {"available"}
        assert intervals(world) == [60, 60]


def test_webhook_event_about_a_new_user_shows_them_within_seconds(account: SimulatedAccount) -> None:
    with polled_with_events(account) as world:
        world.live_until_complete()
        world.live(30)
        newcomer = account.add_user("Ada Lovelace")
        post(world, event(world, event="user.created.v2", data={"id": newcomer.id, "name": newcomer.name}))
        world.live(5)
        assert world.scrape().labels("aircall_user_info", "user", user_id=newcomer.id) == {"Ada Lovelace"}


def test_webhook_calls_in_progress_at_a_restart_are_counted_once(
    account: SimulatedAccount, tmp_path: Path
) -> None:
    number, users = some_number(account)
    url = f"sqlite:///{tmp_path}/calls.db"
    with polled_with_events(account, archive=Archive(url)) as world:
        world.live_until_complete()
        calls = [account.ring_in(number, "+33 1 11 11 11 11", at=world.time.now) for _ in range(3)]
        account.answer(calls[0].id, users[0], at=world.time.now + 1)
        account.miss(calls[1].id, "no_available_agent", at=world.time.now + 2)
        world.live(5)
        assert world.scrape().sum("aircall_calls_total") == 1
    account.hang_up(calls[0].id, at=account.now + 5)  # while no exporter runs
    with polled_with_events(account, archive=Archive(url)) as world:
        account.miss(calls[2].id, "no_available_agent", at=world.time.now + 5)
        world.live_until_complete()
        world.live(60)
        for call in calls:  # the events are sent again
            data = {"id": call.id, "direction": "inbound", "status": "done", "started_at": call.started_at}
            post(world, event(world, event="call.ended", data=data | {"ended_at": call.ended_at}))
        world.live(5)
        assert world.scrape().sum("aircall_calls_total") == 3
