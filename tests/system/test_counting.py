"""Which calls are counted: this is decided once, at the first start, also if the archive opens later."""

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
from harness.unavailable_archive import UnavailableArchive
from tests.support.archive_contents import rows
from tests.support.calls import HOUR, apply_event, call_event, calls_total, live, missed_call


def test_counting_archive_opens_late_leaves_older_calls_uncounted(
    database: str, account: SimulatedAccount
) -> None:
    for minute in range(30, 530):
        missed_call(account, NOON - 60 * minute)
    for minute in range(10):
        missed_call(account, NOON - 60 * minute - 30)
    assert live(database, account, 60, activity_period=Duration(15 * 60)) == 10
    archive = UnavailableArchive(database)
    archive.unavailable = True
    with polled(account, archive=archive, activity_period=Duration(86400)) as world:
        world.live(60)
        archive.unavailable = False
        world.live(60)
        assert calls_total(world) == 10


def test_counting_period_raised_before_the_archive_opens_counts_no_more_calls(
    database: str, account: SimulatedAccount
) -> None:
    for minute in range(60):
        missed_call(account, NOON - 60 * minute - 30)
    archive = UnavailableArchive(database)
    archive.unavailable = True
    with polled(account, archive=archive) as world:
        world.live(60)
        world.settings = replace(world.settings, activity_period=Duration(HOUR))
        world.poller.configure(world.settings, world.client)
        world.live(60)
        archive.unavailable = False
        world.live(60)
        assert calls_total(world) == 15
    assert live(database, account, 60, activity_period=Duration(HOUR)) == 15


def test_counting_end_by_an_event_before_the_archive_opens_is_counted(
    database: str, account: SimulatedAccount
) -> None:
    number, user = next((n.id, min(n.user_ids)) for n in account.numbers.values() if n.user_ids)
    with polled(account, archive=UnavailableArchive(database)) as world:
        world.live_until_complete()
        call = account.ring_in(number, "+33 1 11 11 11 11", at=world.time.now)
        account.answer(call.id, user, at=world.time.now + 2)
        world.live(30)
    account.advance(NOON + 3 * HOUR)
    account.hang_up(call.id, at=NOON + 3 * HOUR)
    archive = UnavailableArchive(database)
    archive.unavailable = True
    with polled(account, archive=archive) as world:
        world.live(1)
        apply_event(world, call_event("call.ended", call, world.time.now))
        world.live(60)
        archive.unavailable = False
        world.live(60)
        assert calls_total(world) == 1
    assert [row.counted for row in rows(database)] == [True]


def test_counting_call_missed_while_the_exporter_was_off_is_counted_by_any_source(
    database: str, account: SimulatedAccount
) -> None:
    """Each of these calls began before the activity period of the start that reads it."""
    live(database, account, 60)
    now = NOON + 3 * HOUR
    by_poll, by_event, by_request, by_reload = (
        missed_call(account, now - ago) for ago in (90, 100, 600, 1200)
    )
    account.advance(now)
    archive = UnavailableArchive(database)
    archive.unavailable = True
    with polled(account, archive=archive, activity_period=Duration(30)) as world:
        request = OnDemandRequest(lambda: call_fetchers.fetch_call(world.poller.account, by_request.id))
        world.poller.submit(request)
        world.live(30)
        apply_event(world, call_event("call.ended", by_event, world.time.now))
        assert {by_poll.id, by_event.id, by_request.id} <= world.poller.account.calls.calls.keys()
        world.settings = replace(world.settings, activity_period=Duration(HOUR))
        world.poller.configure(world.settings, world.client)
        world.live(60)
        assert by_reload.id in world.poller.account.calls.calls
        archive.unavailable = False
        world.live(60)
        assert calls_total(world) == 4


def test_counting_early_call_that_ends_after_the_first_start_is_counted(
    database: str, account: SimulatedAccount
) -> None:
    """It ends before the exporter has fetched it as a call in progress."""
    begun = account.ring_in(next(iter(account.numbers)), "+33 1 11 11 11 11", at=NOON - 6000)
    before = missed_call(account, NOON - 6000, seconds=6000 - 1)
    archive = UnavailableArchive(database)
    archive.unavailable = True
    with polled(account, archive=archive) as world:
        while not world.poller.ready_for_events:
            world.step(world.time.now + 60)
        world.time.now += 1
        account.miss(begun.id, "short_abandoned", at=world.time.now)
        apply_event(world, call_event("call.ended", begun, world.time.now))
        world.live(60)
        archive.unavailable = False
        world.live(60)
        assert calls_total(world) == 1
    assert {row.id: row.counted for row in rows(database)} == {begun.id: True, before.id: False}


def test_counting_call_looked_up_before_the_first_poll_is_counted(
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


def test_counting_decision_for_the_future_is_made_again(database: str, account: SimulatedAccount) -> None:
    live(database, account, 60)
    engine = create_engine(database)
    with engine.begin() as connection:
        metadata_table.write(connection, metadata_table.COUNTING, Counting(NOON + 86400, NOON + 87300))
    engine.dispose()
    archive = UnavailableArchive(database)
    archive.unavailable = True
    with polled(account, archive=archive) as world:
        world.live_until_complete()
        missed_call(account, world.time.now)
        world.live(60)
        archive.unavailable = False
        world.live(60)
        missed_call(account, world.time.now)
        world.live(60)
        assert calls_total(world) == 2
