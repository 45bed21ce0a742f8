"""The activity period: which calls it covers, and for how long."""

import pytest
from msgspec import structs

from exporter.durations import Duration
from exporter.simulator.simulation import SimulatedAccount
from harness.expected_counts import counted, to_be_counted
from harness.simulated_time import NOON, Polled, polled
from tests.support.calls import some_number
from tests.support.period_calls import recent_calls
from tests.support.recovery import fetch_all


def test_current_call_longer_than_the_period_stays_until_its_end(
    world: Polled, account: SimulatedAccount
) -> None:
    number, users = some_number(account)
    call = account.ring_in(number, "+33 1 11 11 11 11", at=world.time.now)
    account.answer(call.id, users[0], at=world.time.now + 3)
    world.live(1200)
    assert world.scrape().number("aircall_user_current_call_seconds", user_id=users[0]) > 1190
    account.hang_up(call.id, at=world.time.now)
    world.live(60)
    scrape = world.scrape()
    assert not scrape.all("aircall_user_current_call_seconds")
    assert (
        scrape.value(
            "aircall_calls_total", user_id=users[0], number_id=number, outcome="answered", direction="inbound"
        )
        == 1
    )
    assert (
        recent_calls(
            scrape,
            "user",
            user_id=users[0],
            direction="inbound",
            outcome="answered",
        )
        == 0
    )


@pytest.mark.parametrize("mapped", [True, False])
def test_missed_call_without_assignments_counts_for_no_user(account: SimulatedAccount, mapped: bool) -> None:
    number, _ = some_number(account)
    call = account.ring_in(number, "+33 1 11 11 11 11", at=NOON)
    account.miss(call.id, "no_available_agent", at=NOON + 8)
    with polled(account, map_users_to_numbers=mapped) as world:
        while not {"users", "teams", "numbers", "calls"} <= world.poller.account.known:
            world.step(world.time.now + 60)
        scrape = world.scrape()
        assert "assignments" not in world.poller.account.known
        for name in ("aircall_user_period_calls", "aircall_team_period_calls"):
            assert not scrape.all(name, outcome="missed")
            assert scrape.all(name, outcome="answered")
        assert not scrape.all("aircall_user_waiting_calls")
        assert recent_calls(scrape, "number", number_id=number, outcome="missed") == 1
        world.live(60)
        known = mapped and "assignments" in world.poller.account.known
        assert (
            bool(world.scrape().all("aircall_user_period_calls", period="recent", outcome="missed"))
            == known
            == mapped
        )


def test_activity_period_call_older_than_the_period_leaves_it(
    world: Polled, account: SimulatedAccount
) -> None:
    number, users = some_number(account)
    call = account.ring_in(number, "+33 1 11 11 11 11", at=world.time.now)
    account.answer(call.id, users[0], at=world.time.now)
    account.hang_up(call.id, at=world.time.now + 1)
    world.live(880)
    assert (
        recent_calls(
            world.scrape(),
            "number",
            number_id=number,
            outcome="answered",
            direction="inbound",
        )
        == 1
    )
    world.live(40)
    scrape = world.scrape()
    assert (
        recent_calls(
            scrape,
            "number",
            number_id=number,
            outcome="answered",
            direction="inbound",
        )
        == 0
    )
    assert scrape.value("aircall_number_average_answer_seconds", period="recent", number_id=number) is None
    assert scrape.sum("aircall_calls_total", outcome="answered", direction="inbound") == 1


def test_activity_period_more_calls_than_a_query_returns_has_all(account: SimulatedAccount) -> None:
    number, _ = some_number(account)
    for position in range(10_300):
        call = account.ring_in(number, f"+33 1 11 11 {position % 1000:04}", at=NOON + position * 0.05)
        account.miss(call.id, "short_abandoned", at=NOON + position * 0.05)
    with polled(account, served={"rate_limit": 6000}) as world:
        world.live_until_complete()
        assert recent_calls(world.scrape(), "number", number_id=number, outcome="missed") == 10_300
        assert world.scrape().sum("aircall_calls_total") == 10_300


def test_activity_period_raised_during_a_poll_is_fetched_whole() -> None:
    account = SimulatedAccount(users=24, calls_per_hour=400, start=NOON)
    with polled(account) as world:
        calls = world.poller.tasks["calls"]
        while calls.requests < 1 or calls.job is None:
            world.step(world.time.now + 60)
        longer = structs.replace(world.settings, activity_period=Duration(3600))
        world.poller.configure(longer, world.client)
        world.live(30)
        assert world.poller.account.calls.complete_since <= NOON - 3600 + 60


def test_activity_period_of_seconds_counts_every_call() -> None:
    account = SimulatedAccount(users=12, calls_per_hour=120, start=NOON, history=0)
    with polled(account, activity_period=Duration(30)) as world:
        world.live_until_complete()
        world.live(900)
        fetch_all(world)
        assert counted(world.scrape()) == to_be_counted(account)


def test_activity_period_raised_by_reload_fetches_the_earlier_calls(account: SimulatedAccount) -> None:
    number = next(iter(account.numbers))
    for minute in range(0, 300, 20):
        call = account.ring_in(number, "+33 1 11 11 11 11", at=NOON + 60 * minute)
        account.miss(call.id, "short_abandoned", at=NOON + 60 * minute + 5)
    account.advance(NOON + 300 * 60)
    with polled(account) as world:
        world.live_until_complete()
        world.live(60)
        before = world.scrape().sum("aircall_calls_total")
        longer = structs.replace(world.settings, activity_period=Duration(5 * 3600))
        world.poller.configure(longer, world.client)
        world.live(60)
        scrape = world.scrape()
        assert recent_calls(scrape, "number", number_id=number, outcome="missed") in (14, 15)
        assert scrape.sum("aircall_calls_total") == before
