"""The figures of the day are left out until they are complete, and never cover another time than they say."""

from pathlib import Path

import pytest
from msgspec import structs

from exporter.archive.store import Archive
from exporter.config.settings import Storage, Today
from exporter.durations import Duration
from exporter.simulator.simulation import SimulatedAccount
from harness import recount
from harness.simulated_time import Polled, polled
from harness.unavailable_archive import UnavailableArchive
from tests.support.recovery import until_no_range_is_missing
from tests.support.today import (
    HOUR,
    RARELY,
    TODAY,
    assert_today_equals_recount,
    assert_today_is_left_out,
    at,
    busy,
)

MIDNIGHT = at(2026, 5, 28)


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/archive.sqlite"


def archived_until(world: Polled, seconds: float) -> None:
    """Run an exporter until the archive has the calls of the day, and then for these seconds."""
    world.live_until_complete()
    until_no_range_is_missing(world)
    world.live(seconds)


def test_today_while_the_archive_is_unavailable_since_the_start_is_left_out(database: str) -> None:
    account = busy(at(2026, 5, 28, 9), history=3 * HOUR)
    with polled(account, archive=Archive(database), today=TODAY, refresh=RARELY) as world:
        archived_until(world, 600)
    archive = UnavailableArchive(database)
    archive.unavailable = True
    with polled(account, archive=archive, today=TODAY, refresh=RARELY) as world:
        world.live_until_complete()
        world.live(600)
        assert world.scrape().value("aircall_up") == 1
        assert_today_is_left_out(world)
        archive.unavailable = False
        world.live(90)
        assert assert_today_equals_recount(world, MIDNIGHT) > 250


def test_today_while_the_archive_is_unavailable_later_stays(database: str) -> None:
    account, archive = busy(at(2026, 5, 28, 9)), UnavailableArchive(database)
    with polled(account, archive=archive, today=TODAY, refresh=RARELY) as world:
        archived_until(world, 60)
        archive.unavailable = True
        world.live(HOUR)
        assert world.scrape().value("aircall_archive_up") == 0
        began = world.scrape().value("aircall_today_start_timestamp_seconds")
        calls = recount.finished(account, world.poller.account.as_of, world.poller.account.as_of - MIDNIGHT)
        assert began == MIDNIGHT
        assert world.scrape().sum("aircall_number_period_calls", period="today") >= len(calls) - 3 > 80


def left_out_until_complete(world: Polled) -> int:
    """Run until no call is missing, and check the board at each step. Returns how many steps were checked."""
    account, checked = world.poller.account, 0
    while account.coverage.seconds_missing or "numbers" not in account.known:
        world.step(world.time.now + 60)
        if account.coverage.seconds_missing and {"calls", "numbers"} <= account.known:
            checked += 1
            assert_today_is_left_out(world)
    return checked


def test_today_is_left_out_while_calls_of_the_day_are_missing() -> None:
    account = busy(at(2026, 5, 28, 14), history=6 * HOUR)
    with polled(account, today=TODAY, refresh=RARELY) as world:
        assert left_out_until_complete(world) > 3
        assert assert_today_equals_recount(world, MIDNIGHT) > 250


def test_today_after_hours_off_is_left_out_until_these_are_fetched(database: str) -> None:
    account = busy(at(2026, 5, 28, 9))
    with polled(account, archive=Archive(database), today=TODAY, refresh=RARELY) as world:
        archived_until(world, 600)
    account.advance(account.now + 12 * HOUR)
    with polled(account, archive=Archive(database), today=TODAY, refresh=RARELY) as world:
        assert left_out_until_complete(world) > 1
        assert assert_today_equals_recount(world, MIDNIGHT) > 400


def account_began(world: Polled, backfill: float) -> float:
    """Return since when the calls are to be fetched, which the first poll has decided."""
    required = world.poller.account.coverage.required_since
    assert required is not None
    assert abs(required - (at(2026, 5, 28, 14) - backfill)) < 10
    return required


def test_today_with_a_shorter_backfill_begins_where_the_calls_do(database: str) -> None:
    account, storage = busy(at(2026, 5, 28, 14), history=10 * HOUR), Storage(backfill=Duration(3 * HOUR))
    with polled(account, archive=Archive(database), today=TODAY, refresh=RARELY, storage=storage) as world:
        archived_until(world, HOUR)
        assert assert_today_equals_recount(world, account_began(world, 3 * HOUR)) > 250


@pytest.mark.parametrize("error", [16 * HOUR, 24 * HOUR, -24 * HOUR, -200 * 24 * HOUR])
def test_today_after_a_restart_with_a_wrong_machine_clock_is_complete(error: float, database: str) -> None:
    account, storage = busy(at(2026, 5, 28, 6), history=20 * HOUR), Storage(backfill=Duration(2 * 24 * HOUR))
    with polled(account, archive=Archive(database), today=TODAY, refresh=RARELY, storage=storage) as world:
        archived_until(world, 600)
        of_day = len(recount.finished(account, account.now, account.now - MIDNIGHT))
    with polled(account, archive=Archive(database), today=TODAY, refresh=RARELY, storage=storage) as world:
        world.time.wall_error = error
        until = world.time.now + HOUR
        while world.time.now < until:
            world.step(until)
            assert len(world.poller.account.today) < of_day + 200
        assert assert_today_equals_recount(world, MIDNIGHT) > of_day
        world.time.wall_error = 0


def test_today_that_begins_earlier_after_a_reload_has_the_calls_since_then(database: str) -> None:
    account = busy(at(2026, 5, 28, 11) + 0.5 * HOUR, history=5 * HOUR)
    noon = Today("12:00", "Europe/Paris")
    with polled(account, archive=Archive(database), today=noon, refresh=RARELY) as world:
        archived_until(world, 0.75 * HOUR)
        for today, began in ((TODAY, MIDNIGHT), (noon, at(2026, 5, 28, 12)), (TODAY, MIDNIGHT)):
            world.poller.configure(structs.replace(world.settings, today=today), world.client)
            world.live(60)
            assert world.scrape().value("aircall_today_start_timestamp_seconds") == began
        assert assert_today_equals_recount(world, MIDNIGHT) > 300


def test_call_that_is_dated_back_leaves_the_day_and_the_activity_period() -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=MIDNIGHT - 600)
    with polled(account, today=TODAY, activity_period=Duration(60)) as world:
        archived_until(world, 0)
        world.live(MIDNIGHT + 30 - world.time.now)
        number = next(iter(account.numbers))
        call = account.ring_in(number, "+33 1 11 11 11 11", at=world.time.now)
        account.miss(call.id, "short_abandoned", at=world.time.now + 5)
        world.live(20)
        counts = {"number_id": number, "direction": "inbound", "outcome": "missed"}

        def missed() -> dict[str, float]:
            return {
                period: world.scrape().number("aircall_number_period_calls", period=period, **counts)
                for period in ("today", "recent")
            }

        assert missed() == {"today": 1, "recent": 1}
        account.calls[call.id].started_at = int(MIDNIGHT - 20)
        world.live(15)
        assert missed() == {"today": 0, "recent": 0}
