"""Backfills: fetching calls of the past, also over restarts, and while calls change or are removed."""

import pytest
from msgspec import structs

from exporter.account.coverage import RECHECK_AGES_S
from exporter.archive.store import Archive
from exporter.config.settings import Refresh, Storage
from exporter.durations import Duration
from exporter.simulator.models import SimulatedCall
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, polled
from tests.support.archive_contents import rows, saved_ids
from tests.support.calls import finished
from tests.support.recovery import until_no_range_is_missing

HOUR = 3600
DAY = 24 * HOUR


def call_at(account: SimulatedAccount, at: float, caller: int = 0) -> SimulatedCall:
    number = next(iter(account.numbers))
    call = account.ring_in(number, f"+33 1 11 11 {caller:04}", at=at)
    account.miss(call.id, "short_abandoned", at=at + 5)
    return call


@pytest.fixture
def quiet() -> SimulatedAccount:
    return SimulatedAccount(users=6, calls_per_hour=0, start=NOON)


def test_backfill_at_the_first_start_saves_past_calls_without_counting_them(database: str) -> None:
    account = SimulatedAccount(users=12, calls_per_hour=120, seed=3, start=NOON)
    backfill = Storage(backfill=Duration(5 * HOUR))
    with polled(account, archive=Archive(database), storage=backfill) as world:
        until_no_range_is_missing(world)
        world.freeze()
        scrape = world.scrape()
    since = NOON - 5 * HOUR + 60
    assert {c.id for c in account.calls.values() if c.started_at >= since} <= saved_ids(database)
    counted = {row.id for row in rows(database) if row.counted}
    assert len(counted) == scrape.sum("aircall_calls_total") < len(saved_ids(database))
    assert {call.id for call in finished(account)} <= counted


def test_backfill_of_a_day_keeps_calls_fresh_and_the_budget(quiet: SimulatedAccount) -> None:
    for position in range(3000):
        call_at(quiet, NOON - DAY + 25 * position)
    with polled(quiet) as world:
        world.live_until_complete()
        assert world.poller.account.coverage.seconds_missing
        while world.poller.account.coverage.seconds_missing:
            assert world.scrape().number("aircall_dataset_age_seconds", dataset="calls") < 20
            world.live(10)
        limit = world.poller.budget.requests_per_minute
    times = [request.time for request in world.aircall.requests]
    assert all(sum(at <= other < at + 60 for other in times) <= limit for at in times)


def test_backfill_after_a_restart_continues_where_it_stopped(database: str, quiet: SimulatedAccount) -> None:
    for position in range(1000):
        call_at(quiet, NOON - DAY + 80 * position)
    with polled(quiet, archive=Archive(database)) as world:
        while len(saved_ids(database) if world.writer.status().working else ()) < 300:
            world.step(world.time.now + 30)
    with polled(quiet, archive=Archive(database)) as world:
        until_no_range_is_missing(world)
        pages = [request for request in world.aircall.requests if "to=" in request.query]
    assert len(pages) <= (1000 - 300) / 50 + 2
    assert saved_ids(database) == set(quiet.calls)


def test_backfill_setting_raised_fetches_only_missing_calls(database: str, quiet: SimulatedAccount) -> None:
    for hour in range(1, 100):
        call_at(quiet, NOON - hour * HOUR)
    for backfill, expected in ((10, 10), (50, 50), (20, 50)):
        storage = Storage(backfill=Duration(backfill * HOUR + 60))
        with polled(quiet, archive=Archive(database), storage=storage) as world:
            until_no_range_is_missing(world)
            pages = [request for request in world.aircall.requests if "to=" in request.query]
        assert len(saved_ids(database)) == expected
        assert len(pages) <= 2


def test_recheck_late_tags_are_saved(database: str, quiet: SimulatedAccount) -> None:
    def rarely(seconds: float) -> Refresh:
        return Refresh(calls=Duration(seconds), availabilities=Duration(DAY), substatuses=Duration(DAY))

    with polled(quiet, archive=Archive(database), refresh=rarely(1200)) as world:
        world.live_until_complete()
        call = call_at(quiet, world.time.now)
        for age in RECHECK_AGES_S[::2]:
            often_enough = structs.replace(world.settings, refresh=rarely(max(1200, age / 20)))
            world.poller.configure(often_enough, world.client)
            world.live(call.started_at + age - 60 - world.time.now)
            quiet.tag(call.id, f"before {age}")
            assert f"before {age}" not in {row.name for row in rows(database, "call_tags")}
            world.live(60 + age / 2 + 1200)
            assert f"before {age}" in {row.name for row in rows(database, "call_tags")}
        assert world.scrape().sum("aircall_calls_total") == 1


def test_backfill_more_calls_than_a_query_returns_saves_all(quiet: SimulatedAccount, database: str) -> None:
    for position in range(10_300):
        call_at(quiet, NOON - 5 * HOUR + position // 4, caller=position % 1000)
    with polled(quiet, archive=Archive(database), served={"rate_limit": 6000}) as world:
        until_no_range_is_missing(world)
    assert len(saved_ids(database)) == 10_300


def test_retention_removed_calls_are_not_counted_again_by_a_backfill(
    database: str, quiet: SimulatedAccount
) -> None:
    with polled(quiet, archive=Archive(database)) as world:
        world.live_until_complete()
        for position in range(20):
            call_at(quiet, world.time.now + position)
        world.live(120)
        world.time.now += 2 * DAY
    short = Storage(retention=Duration(DAY))
    with polled(quiet, archive=Archive(database), storage=short) as world:
        world.time.now = NOON + 2 * DAY
        until_no_range_is_missing(world)
        world.live(120)
        assert not saved_ids(database)
    with polled(quiet, archive=Archive(database), storage=Storage(backfill=Duration(10 * DAY))) as world:
        world.time.now = NOON + 2 * DAY + 300
        until_no_range_is_missing(world)
        assert len(saved_ids(database)) == 20
        assert world.scrape().sum("aircall_calls_total") == 20


def test_archive_complete_from_after_a_backfill_is_its_beginning(quiet: SimulatedAccount) -> None:
    with polled(quiet, storage=Storage(backfill=Duration(5 * HOUR))) as world:
        world.poll()
        scrape = world.scrape()
        complete_from = scrape.value("aircall_archive_complete_from_timestamp_seconds")
        assert complete_from == pytest.approx(NOON - 900, abs=10)
        assert scrape.value("aircall_archive_backfill_remaining_seconds") == pytest.approx(
            4.75 * HOUR, abs=10
        )
        until_no_range_is_missing(world)
        scrape = world.scrape()
        complete_from = scrape.value("aircall_archive_complete_from_timestamp_seconds")
        assert complete_from == pytest.approx(NOON - 5 * HOUR, abs=10)
        assert scrape.value("aircall_archive_backfill_remaining_seconds") == 0
