"""Events that come late, or after a restart, about calls of which the archive has a newer version."""

from collections.abc import Callable
from dataclasses import replace as changed

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from exporter.account import archiving
from exporter.account.records import Checkpoint, LoadedState
from exporter.aircall.events import Event
from exporter.aircall.models import Call, CallDetails, CallWithDetails, Ref, Tag
from exporter.archive.store import Archive
from exporter.simulator.faults import Fault, answer
from exporter.simulator.models import SimulatedCall
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, Polled, polled
from harness.unavailable_archive import UnavailableArchive
from tests.support.archive_contents import rows
from tests.support.call_lives import END, Moment, company, journeys
from tests.support.calls import apply_event, call_event, some_number

STARTED = NOON - 3500


@pytest.fixture
def call(account: SimulatedAccount) -> SimulatedCall:
    """Return a call of almost an hour ago that was tagged, commented and assigned after its end."""
    number, users = some_number(account)
    call = account.ring_in(number, "+33 1 11 11 11 11", at=STARTED)
    account.answer(call.id, users[0], at=STARTED + 5)
    account.transfer(call.id, users[1], at=STARTED + 10)
    account.hang_up(call.id, at=STARTED + 30)
    account.tag(call.id, "VIP", at=STARTED + 400)
    account.comment(call.id, "calls back", at=STARTED + 500)
    account.assign(call.id, users[1], at=STARTED + 600)
    return call


def versions(account: SimulatedAccount, call: SimulatedCall) -> dict[str, Event]:
    """Return the events of the call before it was tagged, without later changes."""
    ringing = changed(call, answered_at=None, ended_at=None, user=None)
    going_on = changed(call, ended_at=None, user=account.users[some_number(account)[1][0]])
    return {
        "call.created": call_event("call.created", ringing, STARTED),
        "call.answered": call_event("call.answered", going_on, STARTED + 5),
        "call.ended": call_event("call.ended", call, STARTED + 30),
    }


def archived(database: str) -> tuple[list, list, list]:
    """Return the calls, tags and comments in the archive."""
    calls, tags, comments = (
        sorted(map(tuple, rows(database, table))) for table in ("calls", "call_tags", "call_comments")
    )
    return calls, tags, comments


def fetch_all(world: Polled) -> None:
    for _ in range(20):
        world.live(10)
        if world.poller.account.coverage.fetched and not world.poller.account.coverage.seconds_missing:
            return
    raise AssertionError("past calls are not fetched")


def first_run(account: SimulatedAccount, database: str) -> tuple[list, list, list]:
    """Fetch and save all calls. Returns the contents of the archive."""
    with polled(account, archive=Archive(database)) as world:
        fetch_all(world)
    found = archived(database)
    assert all(found)
    return found


ORDERS = [
    ("call.ended",),
    ("call.answered",),
    ("call.created",),
    ("call.created", "call.answered", "call.ended"),
    ("call.ended", "call.answered", "call.created"),
]


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_late_event_after_a_restart_changes_nothing_in_the_archive(
    database: str, account: SimulatedAccount, call: SimulatedCall, order: tuple[str, ...]
) -> None:
    before = first_run(account, database)
    with polled(account, archive=Archive(database)) as world:
        fetch_all(world)
        counted = world.scrape().sum("aircall_calls_total")
        for name in order:
            apply_event(world, versions(account, call)[name])
            world.writer.step()
            assert archived(database) == before
            assert not world.scrape().all("aircall_user_current_call_seconds")
            assert world.scrape().sum("aircall_queue_calls") == 0
        world.live(20)
        assert not world.poller.account.ledger.unfinished_ids
        assert world.scrape().sum("aircall_calls_total") == counted
    assert archived(database) == before


def test_late_event_while_calls_cannot_be_read_changes_nothing_in_the_archive(
    database: str, account: SimulatedAccount, call: SimulatedCall
) -> None:
    before = first_run(account, database)
    with polled(account, archive=Archive(database)) as world:
        world.live(10)
        world.aircall.faults.append(Fault(lambda path: path.startswith("/v1/calls"), answer(503)))
        apply_event(world, versions(account, call)["call.ended"])
        world.live(30)
        assert archived(database) == before


def test_late_event_before_the_archive_is_open_changes_nothing_in_the_end(
    database: str, account: SimulatedAccount, call: SimulatedCall
) -> None:
    before = first_run(account, database)
    archive = UnavailableArchive(database)
    archive.unavailable = True
    with polled(account, archive=archive) as world:
        world.live(10)
        for event in versions(account, call).values():
            apply_event(world, event)
        archive.unavailable = False
        world.live(60)
        assert not world.poller.account.ledger.unfinished_ids
        assert archived(database) == before


def test_late_event_about_a_call_no_longer_in_memory_changes_nothing_in_the_archive(
    database: str, account: SimulatedAccount, call: SimulatedCall
) -> None:
    with polled(account, archive=Archive(database)) as world:
        fetch_all(world)
        world.time.now += 4000
        world.live(20)
        assert call.id not in world.poller.account.calls.calls
        before = archived(database)
        apply_event(world, call_event("call.ended", call, world.time.now - 3000))
        world.writer.step()
        assert archived(database) == before


CHANGES: dict[str, Callable[[SimulatedAccount, int, float], object]] = {
    "call.tagged": lambda account, call, at: account.tag(call, "urgent", at=at),
    "call.untagged": lambda account, call, at: account.untag(call, "VIP", at=at),
    "call.commented": lambda account, call, at: account.comment(call, "done", at=at),
}


@pytest.mark.parametrize("name", CHANGES)
def test_event_about_an_old_call_after_a_restart_is_in_the_archive_within_seconds(
    database: str, account: SimulatedAccount, call: SimulatedCall, name: str
) -> None:
    before = first_run(account, database)
    with polled(account, archive=Archive(database)) as world:
        fetch_all(world)
        requests_before = len(world.aircall.requests)
        CHANGES[name](account, call.id, world.time.now)
        apply_event(world, call_event(name, call, world.time.now))
        world.live(8)
        assert archived(database) != before
        paths = [request.path for request in list(world.aircall.requests)[requests_before:]]
        assert paths.count(f"/v1/calls/{call.id}") == 1
        tags, contents = {row[1] for row in archived(database)[1]}, {row[3] for row in archived(database)[2]}
    assert tags == {tag for tag, _ in call.tags}
    assert contents == {content for content, _ in call.comments}


def test_call_that_ends_after_a_restart_before_the_first_poll_is_counted_once(
    database: str, account: SimulatedAccount
) -> None:
    call = account.ring_in(some_number(account)[0], "+33 1 11 11 11 11", at=NOON - 3000)
    account.answer(call.id, some_number(account)[1][0], at=NOON - 2990)
    with polled(account, archive=Archive(database)) as world:
        fetch_all(world)
        before = world.scrape().sum("aircall_calls_total")
    with polled(account, archive=Archive(database)) as world:
        while not world.poller.ready_for_events:
            world.step(world.time.now + 60)
        account.hang_up(call.id, at=world.time.now)
        for _ in range(2):
            apply_event(world, call_event("call.ended", call, world.time.now))
            world.live(30)
        assert world.scrape().sum("aircall_calls_total") == before + 1


def test_event_about_an_old_call_in_progress_fetches_it_and_it_is_counted_once(
    database: str, account: SimulatedAccount
) -> None:
    number, users = some_number(account)
    call = account.ring_in(number, "+33 1 11 11 11 11", at=NOON - 5 * 86_400)
    account.answer(call.id, users[0], at=call.started_at + 5)
    with polled(account, archive=Archive(database)) as world:
        fetch_all(world)
        before = world.scrape().sum("aircall_calls_total")
        apply_event(world, call_event("call.answered", call, world.time.now))
        world.live(10)
        assert f"/v1/calls/{call.id}" in [request.path for request in world.aircall.requests]
    account.hang_up(call.id, at=account.now)
    with polled(account, archive=Archive(database)) as world:
        fetch_all(world)
        world.live(30)
        assert world.scrape().sum("aircall_calls_total") == before + 1


@given(journeys(1), st.data())
def test_events_in_any_order_after_a_restart_save_no_older_version(
    life: list[Moment], data: st.DataObject
) -> None:
    account, processor = company()
    archiving.begin_again(account)
    archiving.restore(account, LoadedState(progress=Checkpoint(((END - 9000, END),), END - 9000)))
    archiving.take_batch(account)
    for moment in data.draw(st.permutations([*life, *life])):
        details = CallDetails((Tag("VIP"),) * data.draw(st.integers(0, 1)))
        processor.apply(replace_details(moment.event, details), END)
        assert not archiving.take_batch(account).records
    assert account.ledger.reported_calls.keys() <= {1}
    newest = replace(life[-1].call, as_of=END + 10.0)
    account.apply_call(newest, CallDetails(), END + 10.0)
    saved = archiving.take_batch(account).records[1].call
    assert replace(saved, menus=None) == newest  # only events report on whom a call rings
    assert not account.ledger.reported_calls


def test_late_event_about_a_call_to_be_counted_again_saves_no_older_version() -> None:
    account, processor = company()
    call = Call(7, "inbound", "done", END - 90, ended_at=END - 60, number=Ref(1))
    account.apply_call(replace(call, as_of=END - 10.0), CallDetails((Tag("VIP"),)), END - 10.0)
    batch = archiving.take_batch(account)
    assert 7 in batch.records
    archiving.batch_rejected(account, batch)
    assert 7 in account.calls.recount_ids
    assert (
        processor.apply(Event("call.ended", END - 60, CallWithDetails(call, CallDetails())), END)
        == "out_of_order"
    )
    assert 7 not in archiving.take_batch(account).records


def replace_details(event: Event, details: CallDetails) -> Event:
    assert event.call is not None
    return changed(event, call=CallWithDetails(event.call.call, details))
