"""The figures of the day equal a plain recount, through restarts, an outage, midnight and clock changes."""

import pytest
from msgspec import structs

from exporter.account.missed_calls import MISSED_REASONS
from exporter.archive.store import Archive
from exporter.config.settings import Refresh, Today
from exporter.durations import Duration
from exporter.simulator import faults
from exporter.simulator.faults import Fault
from exporter.simulator.simulation import SimulatedAccount
from harness import recount
from harness.simulated_time import polled
from tests.support.recovery import until_no_range_is_missing
from tests.support.today import HOUR, RARELY, TODAY, assert_today_equals_recount, at, busy


def test_today_after_a_restart_is_complete_with_the_first_poll(database: str) -> None:
    account = busy(at(2026, 5, 28, 9))
    with polled(account, archive=Archive(database), today=TODAY, refresh=RARELY) as world:
        world.live_until_complete()
        world.live(HOUR)
        before = world.scrape().all("aircall_number_period_calls", period="today")
    assert sum(before.values()) > 80
    with polled(account, archive=Archive(database), today=TODAY, refresh=RARELY) as world:
        restarted_at = world.time.now
        while not {"calls", "numbers"} <= world.poller.account.known:
            world.step(world.time.now + 60)
        assert world.time.now < restarted_at + 10
        restored = world.scrape().all("aircall_number_period_calls", period="today")
        assert restored.keys() == before.keys()
        assert all(restored[labels] >= value for labels, value in before.items())
        world.live_until_complete()
        world.live(600)
        assert assert_today_equals_recount(world, at(2026, 5, 28)) > sum(before.values())


def test_today_after_an_outage_is_complete() -> None:
    account = busy(at(2026, 5, 28, 9))
    with polled(account, today=TODAY, refresh=RARELY) as world:
        world.live_until_complete()
        world.live(600)
        world.aircall.faults.append(Fault(lambda _: True, faults.answer(500)))
        world.live(HOUR)
        world.aircall.faults.clear()
        world.live(300)
        until_no_range_is_missing(world)
        assert assert_today_equals_recount(world, at(2026, 5, 28)) > 100


def test_today_after_a_first_start_in_the_afternoon_includes_the_morning() -> None:
    account = busy(at(2026, 5, 28, 14), history=6 * HOUR)
    with polled(account, today=TODAY, refresh=RARELY) as world:
        world.live_until_complete()
        until_no_range_is_missing(world)
        assert assert_today_equals_recount(world, at(2026, 5, 28)) > 250


@pytest.mark.parametrize("hours", [-0.1, 0.5, 22.9, 23.5, 24.5, 25.5])
@pytest.mark.parametrize(
    "days",
    [
        [at(2026, 5, 28), at(2026, 5, 29), at(2026, 5, 30)],
        [at(2026, 3, 28), at(2026, 3, 29), at(2026, 3, 30)],
        [at(2026, 10, 24), at(2026, 10, 25), at(2026, 10, 26)],
    ],
    ids=["24 hours", "23 hours", "25 hours"],
)
def test_today_around_midnights_equals_the_calls_that_began_on_the_day(
    days: list[float], hours: float
) -> None:
    end = days[1] + hours * HOUR
    account = SimulatedAccount(users=12, calls_per_hour=20, seed=9, start=end - 600, history=26 * HOUR)
    with polled(account, today=TODAY, refresh=RARELY) as world:
        world.live_until_complete()
        until_no_range_is_missing(world)
        world.live(end - world.time.now)
        assert_today_equals_recount(world, max(day for day in days if day <= end))


def test_today_at_midnight_while_calls_are_active_keeps_them_out_of_the_new_day() -> None:
    midnight = at(2026, 5, 29)
    account = busy(midnight - HOUR, history=HOUR)
    with polled(account, today=TODAY, refresh=RARELY) as world:
        world.live_until_complete()
        world.live(midnight - world.time.now)
        active = {call.id for call in account.calls.values() if call.ended_at is None}
        world.live(HOUR)
        assert any(account.calls[call_id].ended_at for call_id in active)
        assert assert_today_equals_recount(world, midnight) > 50


def test_today_with_another_begin_after_a_reload_counts_from_there() -> None:
    account = busy(at(2026, 5, 28, 9), history=2 * HOUR)
    with polled(account, today=TODAY, refresh=RARELY) as world:
        world.live_until_complete()
        until_no_range_is_missing(world)
        world.live(600)
        later = structs.replace(world.settings, today=Today("08:00", "Europe/Paris"))
        world.poller.configure(later, world.client)
        world.live(60)
        calls = assert_today_equals_recount(world, at(2026, 5, 28, 8))
        assert 0 < calls < len(recount.finished(account, account.now, 24 * HOUR))


def test_today_after_a_restart_has_as_few_missed_reasons_as_before(
    database: str, account: SimulatedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.aircall.data_limits.MAX_WORDS", 3)
    rarely = Refresh(calls=Duration(600), availabilities=Duration(600))
    number = next(iter(account.numbers))
    for position in range(20):
        call = account.ring_in(number, "+33 1 11 11 11 11", at=account.now)
        account.miss(call.id, f"reason_{position}", at=account.now)
    shown = []
    for _ in range(2):
        with polled(account, archive=Archive(database), refresh=rarely) as world:
            world.live_until_complete()
            world.poll()
            labels = {"period": "today", "number_id": number}
            assert world.scrape().sum("aircall_number_period_missed_calls", **labels) == 20
            shown.append(world.scrape().labels("aircall_number_period_missed_calls", "reason", **labels))
            world.live(2 * HOUR)
    assert shown[0] == shown[1]
    assert len(shown[0]) == len(MISSED_REASONS) + 3 + 1
