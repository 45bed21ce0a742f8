"""Calls that are done before they have an `ended_at`, or without one."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, select

from exporter.account.unended import MAX_CALLS_WAITED_FOR, MAX_WAIT_S, Unended
from exporter.aircall.events import Event
from exporter.aircall.models import Call
from exporter.archive import schema
from exporter.archive.store import Archive
from exporter.durations import Duration
from exporter.simulator import api, payloads
from exporter.simulator.models import SimulatedCall
from exporter.simulator.simulation import SimulatedAccount
from harness.expected_counts import archived_calls, counted, expected_calls, to_be_counted
from harness.simulated_time import NOON, Polled, polled
from tests.support.calls import apply_event, call_event

SETTLED = 2 * MAX_WAIT_S
"""Seconds after which everything is counted."""


@pytest.fixture
def hidden(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[int]]:
    """Return the ids of calls whose end Aircall does not report."""
    ids: set[int] = set()

    def payload(call: SimulatedCall, *others: Any) -> Any:
        found = payloads.call_payload(call, *others)
        if call.id in ids:
            found |= {"ended_at": None, "duration": 0}
        return found

    monkeypatch.setattr(api, "call_payload", payload)
    yield ids


def begin(account: SimulatedAccount, at: float, answered: bool = True) -> SimulatedCall:
    number, user = next((n.id, min(n.user_ids)) for n in account.numbers.values() if n.user_ids)
    call = account.ring_in(number, "+33 1 11 11 11 11", at=at)
    if answered:
        account.answer(call.id, user, at=at + 5)
    return call


def end(account: SimulatedAccount, call: SimulatedCall, at: float) -> None:
    if call.answered_at is None:
        account.miss(call.id, "no_available_agent", at=at)
    else:
        account.hang_up(call.id, at=at)


def rows(database: str) -> Any:
    engine = create_engine(database)
    with engine.connect() as connection:
        found = archived_calls(connection.execute(select(schema.calls)))
    engine.dispose()
    return found


class Late(NamedTuple):
    """A call that began `ago` seconds before the first start, and whose end comes `seconds` late."""

    ago: int
    seconds: int
    answered: bool = True
    by_event: bool = False


@pytest.mark.parametrize(
    "late",
    [
        Late(20, 12),
        Late(600, 45),
        Late(1500, 12),
        Late(1500, 45),
        Late(5000, 25),
        Late(20, 25, answered=False),
        Late(500, 45, answered=False),
        Late(600, 25, by_event=True),
        Late(1500, 45, by_event=True),
        Late(500, 12, answered=False, by_event=True),
    ],
    ids=str,
)
def test_call_whose_end_comes_late_is_counted_once_with_it(
    late: Late, account: SimulatedAccount, hidden: set[int], tmp_path: Path
) -> None:
    """It was in progress at the first start, and began before or within the activity period."""
    database = f"sqlite:///{tmp_path}/archive.sqlite"
    call = begin(account, NOON - late.ago, late.answered)
    with polled(account, archive=Archive(database)) as world:
        world.live_until_complete()
        world.live(30)
        end(account, call, world.time.now)
        hidden.add(call.id)
        if late.by_event:
            apply_event(world, without_end(call_event("call.ended", call, world.time.now)))
        world.live(late.seconds)
        scrape = world.scrape()
        assert scrape.sum("aircall_calls_total") == 0
        assert scrape.sum("aircall_queue_calls") == 0
        assert not scrape.all("aircall_user_current_call_seconds")
        hidden.clear()
        world.live(12)
        assert (
            late.by_event or world.scrape().sum("aircall_calls_total") == 1
        )  # polls are rarer if events come
        world.live(SETTLED)
        assert counted(world.scrape()) == to_be_counted(account)
    assert rows(database) == expected_calls(account)


def without_end(event: Event) -> Event:
    """Return the same event with a call that has no end."""
    assert event.call
    call = msgspec.structs.replace(event.call.call, ended_at=None)
    return dataclasses.replace(event, call=event.call._replace(call=call))


@pytest.mark.parametrize("ago", [20, 600, 1500])
def test_call_whose_end_comes_after_a_kill_is_counted_once_with_it(
    ago: int, account: SimulatedAccount, hidden: set[int], tmp_path: Path
) -> None:
    database = f"sqlite:///{tmp_path}/archive.sqlite"
    call = begin(account, NOON - ago)
    with polled(account, archive=Archive(database)) as world:
        world.live_until_complete()
        end(account, call, world.time.now)
        hidden.add(call.id)
        world.live(20)
    account.advance(account.now + 200)
    with polled(account, archive=Archive(database), activity_period=Duration(30)) as world:
        world.live(20)
        hidden.clear()
        world.live(SETTLED)
        assert counted(world.scrape()) == to_be_counted(account)
    assert rows(database) == expected_calls(account)


def test_calls_never_ended_are_counted_after_a_minute_with_few_requests(
    account: SimulatedAccount, hidden: set[int]
) -> None:
    with polled(account) as world:
        world.live_until_complete()
        calls = [
            begin(account, world.time.now - 200 + 10 * position, answered=False) for position in range(20)
        ]
        world.live(30)
        for call in calls:
            end(account, call, world.time.now)
            hidden.add(call.id)
        requests = world.poller.budget.spent
        world.live(MAX_WAIT_S - 12)
        assert world.scrape().sum("aircall_calls_total") == 0
        world.live(2 * MAX_WAIT_S)
        assert world.scrape().sum("aircall_calls_total") == 20
        assert not world.poller.account.calls.active
        extra = world.poller.budget.spent - requests - usual(world, 3 * MAX_WAIT_S - 12)
        assert extra <= 10
        hidden.clear()
        world.live(SETTLED)
        assert world.scrape().sum("aircall_calls_total") == 20


def usual(world: Polled, seconds: float) -> int:
    """Return how many requests are spent in that time if nothing happens."""
    before = world.poller.budget.spent
    world.live(seconds)
    return world.poller.budget.spent - before


def test_old_calls_without_an_end_are_saved_at_once(
    account: SimulatedAccount, hidden: set[int], tmp_path: Path
) -> None:
    """A first start fetches such calls of the past."""
    database = f"sqlite:///{tmp_path}/archive.sqlite"
    for position in range(100):
        call = begin(account, NOON - 7300 - 60 * position)
        end(account, call, call.started_at + 30)
        hidden.add(call.id)
    with polled(account, archive=Archive(database)) as world:
        world.live_until_complete()
        world.live(30)
        assert not world.poller.account.calls.active
    assert {row[1] for row in rows(database).values()} == {"done"}
    assert len(rows(database)) == 100


@given(st.lists(st.tuples(st.floats(0, 30), st.booleans()), min_size=1))
def test_unended_call_read_several_times_waits_a_minute_at_most(looks: list[tuple[float, bool]]) -> None:
    unended, now, since = Unended(), NOON, None
    for pause, has_end in looks:
        now += pause
        since = now if since is None else since
        call = Call(1, "inbound", "done", int(NOON), ended_at=int(now) if has_end else None)
        waits = unended.add(call, now)
        assert waits == (not has_end and now - since < MAX_WAIT_S) == (1 in unended)
        if not waits:
            since = None


def test_unended_many_calls_waits_for_a_limited_number() -> None:
    unended = Unended()
    waits = [
        unended.add(Call(number, "inbound", "done", int(NOON)), NOON)
        for number in range(MAX_CALLS_WAITED_FOR + 10)
    ]
    assert waits == [True] * MAX_CALLS_WAITED_FOR + [False] * 10
    assert unended.add(Call(0, "inbound", "done", int(NOON)), NOON + 1)
