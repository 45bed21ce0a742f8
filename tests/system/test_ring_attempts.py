"""Ring attempts of users: counted once for each call, over any network, and across restarts."""

from pathlib import Path

import pytest

from exporter.archive.store import Archive
from exporter.simulator.simulation import SimulatedAccount
from exporter.simulator.webhook_delivery import NetworkConditions
from exporter.simulator.webhooks import Post
from tests.support.calls import some_number
from tests.support.lost_archives import back_up, restore_by_rename
from tests.support.ring_plan import RingPlan, shown_attempts
from tests.support.webhook_world import PolledWithEvents, at, fed_by_events, polled_with_events

SETTLING_S = 150.0
"""Seconds after which the events of all ended calls are complete, and what they add is saved."""


def settle(world: PolledWithEvents) -> None:
    """End all calls, and let their ring attempts be added up."""
    world.account.stop_traffic()
    while any(call.ended_at is None for call in world.account.calls.values()):
        world.live(60)
    world.live(SETTLING_S)


def without_events_of(world: PolledWithEvents, lost: frozenset[int]) -> None:
    """Lose all events of some calls."""
    carry = world.aircall.webhooks.carriers[0]

    def carried(post: Post) -> None:
        if not any(b'"id":%d,' % call_id in post.body for call_id in lost):
            carry(post)

    world.aircall.webhooks.carriers[:] = [carried]


@pytest.mark.parametrize(
    "network",
    [NetworkConditions(), NetworkConditions(doubled=0.5, late=0.5)],
    ids=["in order", "doubled, late and in any order"],
)
def test_ring_attempts_of_calls_whose_events_arrive_equal_the_account(network: NetworkConditions) -> None:
    account = SimulatedAccount(users=12, calls_per_hour=400, seed=3, history=600)
    with polled_with_events(account, network) as world:
        plan, newest = RingPlan(account), max(account.calls)
        lost = frozenset(range(newest + 1, newest + 1000, 5))
        without_events_of(world, lost)
        world.live_until_complete()
        world.live(900)
        settle(world)
        attempts = plan.attempts(without=lost)
        assert {result for _, result in attempts} == {"answered", "declined", "missed"}
        assert attempts != plan.attempts()
        assert shown_attempts(world.scrape()) == attempts


def ring_and_end(world: PolledWithEvents) -> int:
    """Stage a call that a user declines and another one answers. Returns its id."""
    account = world.account
    number, users = some_number(account)
    call = account.ring_in(number, "+33 1 11 11 11 11", at=world.time.now)
    account.ring_on(call.id, users[0], at=world.time.now + 2)
    account.decline(call.id, users[0], at=world.time.now + 4)
    account.ring_on(call.id, users[1], at=world.time.now + 4)
    account.answer(call.id, users[1], at=world.time.now + 9)
    account.hang_up(call.id, at=world.time.now + 20)
    return call.id


def test_ring_attempts_exporter_restarts_are_kept_and_events_sent_again_change_nothing(
    account: SimulatedAccount, tmp_path: Path
) -> None:
    url, sent = f"sqlite:///{tmp_path}/calls.db", list[Post]()
    _, users = some_number(account)
    expected = {(users[0], "declined"): 1, (users[1], "answered"): 1}
    with polled_with_events(account, archive=Archive(url)) as world:
        world.live_until_complete()
        world.aircall.webhooks.carriers.append(sent.append)
        ring_and_end(world)
        world.live(30 + SETTLING_S)
        assert shown_attempts(world.scrape()) == expected
    with polled_with_events(account, archive=Archive(url)) as world:
        world.live_until_complete()
        assert shown_attempts(world.scrape()) == expected
        (webhook,) = world.aircall.webhooks.hooks.values()
        for post in sent:
            world.queue.put(Post(webhook, post.body, world.time.now))
        world.live(SETTLING_S)
        assert shown_attempts(world.scrape()) == expected


def test_ring_attempts_of_a_call_that_begins_before_a_restart_count_what_rings_afterwards(
    account: SimulatedAccount, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/calls.db"
    number, users = some_number(account)
    with polled_with_events(account, archive=Archive(url)) as world:
        world.live_until_complete()
        call = account.ring_in(number, "+33 1 11 11 11 11", at=world.time.now)
        world.live(5)
    with polled_with_events(account, archive=Archive(url)) as world:
        while not world.poller.ready_for_events:
            world.live(0.5)
        account.ring_on(call.id, users[0], at=world.time.now)
        account.answer(call.id, users[0], at=world.time.now + 2)
        account.hang_up(call.id, at=world.time.now + 20)
        world.live_until_complete()
        world.live(SETTLING_S)
        assert shown_attempts(world.scrape()) == {(users[0], "answered"): 1}


def test_ring_attempts_archive_is_full_are_saved_later(account: SimulatedAccount) -> None:
    _, users = some_number(account)
    with fed_by_events(account) as world:
        ring_and_end(world)
        at(world, 20)
        at(world, 40)  # with the last event
        world.poller.account.ledger.full = True
        for state, room in (("do_not_disturb", False), ("available", True)):
            if room:
                world.poller.account.ledger.batch_accepted()
            account.set_availability(users[0], state, at=world.time.now + 20)
            at(world, 21)
            assert bool(shown_attempts(at(world, 1))) == room
        assert shown_attempts(at(world, 1)) == {(users[0], "declined"): 1, (users[1], "answered"): 1}


def test_ring_attempts_that_wait_when_the_archive_is_replaced_are_saved_once(
    account: SimulatedAccount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "archive.sqlite"
    _, users = some_number(account)
    with polled_with_events(account, archive=Archive(f"sqlite:///{file}")) as world:
        world.live_until_complete()
        ring_and_end(world)
        world.live(SETTLING_S)
        with monkeypatch.context() as unavailable:
            unavailable.setattr(world.writer, "step", lambda: None)
            back_up(file)
            ring_and_end(world)
            world.live(SETTLING_S)
            assert shown_attempts(world.scrape()) == {(users[0], "declined"): 1, (users[1], "answered"): 1}
            restore_by_rename(file)
        for _ in range(2):
            world.live(SETTLING_S)
            assert shown_attempts(world.scrape()) == {(users[0], "declined"): 2, (users[1], "answered"): 2}
            back_up(file)  # has everything, so nothing is added again
            restore_by_rename(file)


def test_ring_attempts_before_any_call_are_0_for_each_result(account: SimulatedAccount) -> None:
    with fed_by_events(account) as world:
        scrape = world.scrape()
        user = next(iter(account.users))
        for result in ("answered", "declined", "missed"):
            assert scrape.value("aircall_user_ring_attempts_total", user_id=user, result=result) == 0
