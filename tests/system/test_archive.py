"""Calls in the archive, and the counters, over restarts and failures of the database."""

from random import Random

import pytest

from exporter.archive.store import Archive
from exporter.config.settings import Refresh
from exporter.durations import Duration
from exporter.simulator.faults import Fault, answer
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, polled
from tests.support.archive_contents import rows
from tests.support.calls import finished, live


@pytest.fixture
def busy() -> SimulatedAccount:
    return SimulatedAccount(users=24, calls_per_hour=240, seed=5, start=NOON)


def test_archive_after_polls_has_every_field_of_every_call(database: str, busy: SimulatedAccount) -> None:
    with polled(busy, archive=Archive(database)) as world:
        world.live_until_complete()
        world.live(1200)
        world.freeze()
    archived = {row.id: row for row in rows(database)}
    tags: dict[int, set[str]] = {}
    for row in rows(database, "call_tags"):
        tags.setdefault(row.call_id, set()).add(row.name)
    comments: dict[int, list[str]] = {}
    for row in sorted(rows(database, "call_comments"), key=lambda row: row.position):
        comments.setdefault(row.call_id, []).append(row.content)
    expected = [c for c in busy.calls.values() if c.started_at >= NOON - 900]
    assert len(expected) > 100
    for call in expected:
        row = archived[call.id]
        assert (row.direction, row.status, row.missed_call_reason) == (
            call.direction,
            call.status,
            call.missed_call_reason,
        )
        assert (row.started_at, row.answered_at, row.ended_at) == (
            call.started_at,
            call.answered_at,
            call.ended_at,
        )
        assert (row.user_id, row.number_id, row.caller) == (call.user_id, call.number_id, call.raw_digits)
        assert (row.recorded, row.voicemail) == (call.recorded, call.voicemail)
        assert row.counted == (call.ended_at is not None)
        if call.ended_at is not None and call.ended_at < NOON + 600:
            assert row.counted_for_teams
    names = {(row.kind, row.id): row.name for row in rows(database, "names")}
    for user in busy.users.values():
        assert names["user", str(user.id)] == user.name


def test_counters_after_a_restart_continue_and_count_each_call_once(
    database: str, busy: SimulatedAccount
) -> None:
    first = live(database, busy, 300)
    assert first > 20
    with polled(busy, archive=Archive(database)) as world:
        world.live_until_complete()
        assert world.scrape().sum("aircall_calls_total") >= first
        world.live(300)
        world.freeze()
        since = world.poller.account.ledger.counted_from
        scrape = world.scrape()
    calls = finished(busy, since)
    extra = [c for c in busy.calls.values() if c.started_at < since and c.ended_at and c.ended_at > NOON + 60]
    assert len(calls) <= scrape.sum("aircall_calls_total") <= len(calls) + len(extra)
    counted = [row for row in rows(database) if row.counted]
    assert scrape.sum("aircall_calls_total") == len(counted)
    talked = [row for row in counted if row.answered_at is not None]
    assert scrape.sum("aircall_call_talk_seconds_count") == len(talked)
    assert scrape.sum("aircall_call_talk_seconds_sum") == sum(
        row.ended_at - row.answered_at for row in talked
    )


def test_counters_with_calls_while_the_exporter_was_off_count_each_once(database: str) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    number = next(iter(account.numbers))
    before = live(database, account, 120)
    assert before == 0
    for minute in range(1, 301):
        call = account.ring_in(number, "+33 1 11 11 11 11", at=NOON + 120 + 60 * minute)
        account.miss(call.id, "short_abandoned", at=NOON + 125 + 60 * minute)
    assert live(database, account, 120) == 300
    assert live(database, account, 120) == 300
    assert live(database, account, 120, activity_period=Duration(6 * 3600)) == 300


def test_counters_call_that_ends_hours_after_a_stop_is_counted_once(database: str) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    number, user = next((number.id, min(number.user_ids)) for number in account.numbers.values())
    long_before = account.ring_in(number, "+33 1 11 11 11 11", at=NOON - 3600)
    account.answer(long_before.id, user, at=NOON - 3590)
    with polled(account, archive=Archive(database)) as world:
        world.live_until_complete()
        waiting = account.ring_in(number, "+33 1 22 22 22 22", at=world.time.now)
        deleted = account.ring_in(number, "+33 1 33 33 33 33", at=world.time.now)
        world.live(20)
    account.miss(waiting.id, "short_abandoned", at=NOON + 7200)
    account.hang_up(long_before.id, at=NOON + 7200)
    account.calls.pop(deleted.id)
    account.calls.chronological.remove(deleted)
    account.advance(NOON + 5 * 3600)
    assert live(database, account, 60) == 2
    assert {row.id: (row.status, row.counted) for row in rows(database)} == {
        long_before.id: ("done", True),
        waiting.id: ("done", True),
    }
    assert live(database, account, 60) == 2


def test_coverage_crash_after_a_long_suspend_leaves_no_gap(database: str) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    number, user = next((number.id, min(number.user_ids)) for number in account.numbers.values())
    with polled(account, archive=Archive(database)) as world:
        world.live_until_complete()
        talking = account.ring_in(number, "+33 1 11 11 11 11", at=world.time.now)
        account.answer(talking.id, user, at=world.time.now + 5)
        world.live(60)
        for minute in range(300):
            at = world.time.now + 60 * minute
            account.miss(account.ring_in(number, "+33 1 22 22 22 22", at=at).id, "short_abandoned", at=at + 5)
        world.time.now = resumed = account.now + 60
        while (world.poller.account.calls.fetched_until or 0) < resumed:
            world.step(world.time.now + 60)
    assert live(database, account, 300) == 300


def test_coverage_aircall_unavailable_at_a_start_leaves_no_gap(database: str) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    number = next(iter(account.numbers))
    live(database, account, 60)
    for minute in range(2, 120):
        at = NOON + 60 * minute
        account.miss(account.ring_in(number, "+33 1 22 22 22 22", at=at).id, "short_abandoned", at=at + 5)
    rarely = Refresh(calls=Duration(300), availabilities=Duration(300))
    with polled(account, archive=Archive(database), refresh=rarely) as world:
        world.aircall.faults.append(Fault(lambda path: path == "/v1/calls", answer(503)))
        world.live(2 * 3600)
        world.aircall.faults.clear()
        world.live(600)
        assert world.scrape().sum("aircall_calls_total") == 118


def test_archive_call_changed_after_its_end_is_updated_and_counted_once(database: str) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    number, user = next((number.id, min(number.user_ids)) for number in account.numbers.values())
    with polled(account, archive=Archive(database)) as world:
        world.live_until_complete()
        call = account.ring_in(number, "+33 1 11 11 11 11", at=world.time.now)
        account.answer(call.id, user, at=world.time.now + 5)
        account.hang_up(call.id, at=world.time.now + 30)
        world.live(30)
        account.tag(call.id, "VIP")
        account.comment(call.id, "called back")
        world.live(30)
        assert world.scrape().sum("aircall_calls_total") == 1
    assert [row.name for row in rows(database, "call_tags")] == ["VIP"]
    assert [row.content for row in rows(database, "call_comments")] == ["called back"]


def test_archive_assigned_call_has_its_assignee(database: str) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    number, user = next((number.id, min(number.user_ids)) for number in account.numbers.values())
    with polled(account, archive=Archive(database)) as world:
        world.live_until_complete()
        call = account.ring_in(number, "+33 1 11 11 11 11", at=world.time.now)
        account.assign(call.id, user)
        world.live(30)
    assert [row.assigned_to_id for row in rows(database)] == [user]


def test_archive_text_with_null_characters_is_saved_without_them(database: str) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    number = next(iter(account.numbers))
    with polled(account, archive=Archive(database)) as world:
        call = account.ring_in(number, "+33 1 11\x00 11 11 11", at=world.time.now)
        account.tag(call.id, "V\x00IP")
        account.comment(call.id, "called\x00 back")
        world.live_until_complete()
        world.live(30)
        assert world.scrape().value("aircall_archive_up") == 1
    assert [row.words for row in rows(database)] == ["+33 1 11 11 11 11\n33111111111\nvip\ncalled back"]


def test_archive_very_long_texts_are_cut_and_every_call_is_saved(database: str) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    number, long_text = next(iter(account.numbers)), "".join(Random(1).choices("äöü😀ß¢€", k=20_000))
    with polled(account, archive=Archive(database)) as world:
        for _ in range(2):
            call = account.ring_in(number, long_text, at=world.time.now)
            account.tag(call.id, long_text)
            account.comment(call.id, long_text)
            account.miss(call.id, long_text)
        world.live_until_complete()
        world.live(30)
        assert world.scrape().value("aircall_archive_up") == 1
    assert len(rows(database)) == 2
    assert {row.name for row in rows(database, "call_tags")} == {long_text[:500]}


def test_archive_hidden_callers_are_saved_without_their_numbers(database: str) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=200, seed=2, start=NOON)
    live(database, account, 120, caller="hidden")
    assert {row.caller for row in rows(database)} == {"hidden"}
