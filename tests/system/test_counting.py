"""Which calls are counted: decided once, at the first start, however late the archive opens afterwards."""

import pytest
from msgspec.structs import replace
from sqlalchemy import create_engine

from exporter.account.records import Counting
from exporter.archive import metadata_table
from exporter.archive.store import Archive
from exporter.durations import Duration
from exporter.polling import call_fetchers
from exporter.polling.on_demand import OnDemandRequest
from exporter.simulator.faults import Fault, answer
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, polled
from harness.unavailable_archive import Away
from tests.support.archive_contents import rows
from tests.support.calls import HOUR, call_event, calls_total, hear, live, missed_call


@pytest.fixture
def account() -> SimulatedAccount:
    """Return a quiet company, which only the test changes."""
    return SimulatedAccount(users=6, calls_per_hour=0, start=NOON)


def test_an_archive_that_opens_late_keeps_calls_before_the_first_start_uncounted(
    database: str, account: SimulatedAccount
) -> None:
    for minute in range(30, 530):
        missed_call(account, NOON - 60 * minute)
    for minute in range(10):
        missed_call(account, NOON - 60 * minute - 30)
    assert live(database, account, 60, activity_period=Duration(15 * 60)) == 10
    archive = Away(database)
    archive.away = True
    with polled(account, archive=archive, activity_period=Duration(86400)) as world:
        world.live(60)
        archive.away = False
        world.live(60)
        assert calls_total(world) == 10


def test_an_activity_period_raised_by_reload_before_the_archive_opens_counts_nothing_more(
    database: str, account: SimulatedAccount
) -> None:
    for minute in range(60):
        missed_call(account, NOON - 60 * minute - 30)
    archive = Away(database)
    archive.away = True
    with polled(account, archive=archive) as world:
        world.live(60)
        world.settings = replace(world.settings, activity_period=Duration(HOUR))
        world.poller.configure(world.settings, world.client)
        world.live(60)
        archive.away = False
        world.live(60)
        assert calls_total(world) == 15
    assert live(database, account, 60, activity_period=Duration(HOUR)) == 15


def test_an_end_that_an_event_reports_before_the_archive_opens_is_counted(
    database: str, account: SimulatedAccount
) -> None:
    number, user = next((n.id, min(n.user_ids)) for n in account.numbers.values() if n.user_ids)
    with polled(account, archive=Away(database)) as world:
        world.live_until_complete()
        call = account.ring_in(number, "+33 1 11 11 11 11", at=world.time.now)
        account.answer(call.id, user, at=world.time.now + 2)
        world.live(30)
    account.advance(NOON + 3 * HOUR)
    account.hang_up(call.id, at=NOON + 3 * HOUR)
    archive = Away(database)
    archive.away = True
    with polled(account, archive=archive) as world:
        world.live(1)
        hear(world, call_event("call.ended", call, world.time.now))
        world.live(60)
        archive.away = False
        world.live(60)
        assert calls_total(world) == 1
    assert [row.counted for row in rows(database)] == [True]


def test_a_call_that_was_missed_while_the_exporter_was_off_is_counted_whatever_reads_it_first(
    database: str, account: SimulatedAccount
) -> None:
    """Each of these calls began before the activity period of the start that reads it."""
    live(database, account, 60)
    now = NOON + 3 * HOUR
    by_poll, by_event, by_errand, by_reload = (
        missed_call(account, now - ago) for ago in (90, 100, 600, 1200)
    )
    account.advance(now)
    archive = Away(database)
    archive.away = True
    with polled(account, archive=archive, activity_period=Duration(30)) as world:
        errand = OnDemandRequest(lambda: call_fetchers.fetch_call(world.poller.account, by_errand.id))
        world.poller.submit(errand)
        world.live(30)
        hear(world, call_event("call.ended", by_event, world.time.now))
        assert {by_poll.id, by_event.id, by_errand.id} <= world.poller.account.calls.calls.keys()
        world.settings = replace(world.settings, activity_period=Duration(HOUR))
        world.poller.configure(world.settings, world.client)
        world.live(60)
        assert by_reload.id in world.poller.account.calls.calls
        archive.away = False
        world.live(60)
        assert calls_total(world) == 4


def test_a_call_that_ends_after_the_first_start_is_counted_however_early_it_began(
    database: str, account: SimulatedAccount
) -> None:
    """It ends before the exporter has read that it goes on."""
    begun = account.ring_in(next(iter(account.numbers)), "+33 1 11 11 11 11", at=NOON - 6000)
    before = missed_call(account, NOON - 6000, seconds=6000 - 1)
    archive = Away(database)
    archive.away = True
    with polled(account, archive=archive) as world:
        while not world.poller.ready_for_events:
            world.step(world.time.now + 60)
        world.time.now += 1
        account.miss(begun.id, "short_abandoned", at=world.time.now)
        hear(world, call_event("call.ended", begun, world.time.now))
        world.live(60)
        archive.away = False
        world.live(60)
        assert calls_total(world) == 1
    assert {row.id: row.counted for row in rows(database)} == {begun.id: True, before.id: False}


def test_a_lookup_of_a_call_before_the_first_poll_does_not_keep_it_from_being_counted(
    database: str, account: SimulatedAccount
) -> None:
    call = missed_call(account, NOON - 60)
    with polled(account, archive=Archive(database)) as world:
        world.aircall.faults.append(Fault(lambda path: path == "/v1/calls", answer(503)))
        world.poller.submit(OnDemandRequest(lambda: call_fetchers.fetch_call(world.poller.account, call.id)))
        world.live(5)
        world.aircall.faults.clear()
        world.live(60)
        assert calls_total(world) == 1


def test_a_decision_that_a_wrong_clock_made_for_the_future_is_made_again(
    database: str, account: SimulatedAccount
) -> None:
    live(database, account, 60)
    engine = create_engine(database)
    with engine.begin() as connection:
        metadata_table.write(connection, metadata_table.COUNTING, Counting(NOON + 86400, NOON + 87300))
    engine.dispose()
    archive = Away(database)
    archive.away = True
    with polled(account, archive=archive) as world:
        world.live_until_complete()
        missed_call(account, world.time.now)
        world.live(60)
        archive.away = False
        world.live(60)
        missed_call(account, world.time.now)
        world.live(60)
        assert calls_total(world) == 2
