"""Times of calls that cannot be right, over HTTP: the calls are counted, and no sum or average is absurd."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests
from sqlalchemy import create_engine, select

from exporter.archive import schema
from exporter.archive.store import Archive
from exporter.simulator import faults
from exporter.simulator.faults import Fault
from exporter.simulator.models import SimulatedCall
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, Polled, polled
from tests.support.webhook_world import TOKEN, ToldWorld, told

TALKED = 100
WRONG = [
    (field, time)
    for field in ("answered_at", "ended_at")
    for time in (0, 99_999_999_999, 10**18, 1.5, "soon")
]
SUMS = ("aircall_call_talk_seconds_sum", "aircall_user_talk_seconds_sum", "aircall_call_answer_seconds_sum")
AVERAGES = [
    f"aircall_{row}_average_{what}_seconds"
    for row in ("user", "team", "number")
    for what in ("answer", "call_duration")
]


def answered_call(world: Polled, account: SimulatedAccount) -> SimulatedCall:
    """Add a call that was answered after 10 seconds and has just ended."""
    now = int(world.time.now)
    call = account.ring_in(next(iter(account.numbers)), "+33 1 11 11 11 11", at=now - TALKED - 10)
    account.answer(call.id, next(iter(account.users)), at=now - TALKED)
    account.hang_up(call.id, at=now)
    return call


def with_times(wrong: dict[int, tuple[str, Any]]) -> Fault:
    """Change one field of each call in `wrong`."""

    def change(content: Any) -> None:
        for call in content.get("calls", [content.get("call", {})]):
            if call.get("id") in wrong:
                field, time = wrong[call["id"]]
                call[field] = time

    return Fault(lambda path: path.startswith("/v1/calls"), faults.edited(change))


def test_calls_with_impossible_times_are_counted_and_no_sum_is_absurd(tmp_path: Path) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    wrong: dict[int, tuple[str, Any]] = {}
    archive = f"sqlite:///{tmp_path}/archive.sqlite"
    with polled(account, archive=Archive(archive), served={"faults": [with_times(wrong)]}) as world:
        world.live_until_complete()
        answered_call(world, account)
        for change in WRONG:
            wrong[answered_call(world, account).id] = change
        world.live(120)
        scrape = world.scrape()
        calls = len(WRONG) + 1
        assert scrape.sum("aircall_calls_total", outcome="answered") == calls
        assert scrape.value("aircall_malformed_objects_total", kind="call") >= len(WRONG)
        for name in SUMS:
            assert 0 < scrape.sum(name) <= calls * (TALKED + 10)
        for name in AVERAGES:
            assert all(0 <= average <= TALKED + 10 for average in scrape.all(name).values())
        assert not scrape.all("aircall_user_current_call_seconds")
        assert scrape.value("aircall_up") == 1
    with create_engine(archive).connect() as connection:
        assert len(connection.execute(select(schema.calls).where(schema.calls.c.counted)).all()) == calls


def test_time_that_is_right_when_the_call_is_fetched_again_is_exact(account: SimulatedAccount) -> None:
    wrong: dict[int, tuple[str, Any]] = {}
    with polled(account, served={"faults": [with_times(wrong)]}) as world:
        world.live_until_complete()
        wrong[answered_call(world, account).id] = "ended_at", 0
        world.live(20)
        wrong.clear()
        world.live(40)
        scrape = world.scrape()
        assert scrape.sum("aircall_calls_total", outcome="answered") == 1
        assert scrape.sum("aircall_call_talk_seconds_sum") == TALKED
        assert scrape.sum("aircall_call_answer_seconds_sum") == 10


def send(world: ToldWorld, name: str, data: dict[str, Any], at: float) -> None:
    content = {"resource": "call", "event": name, "timestamp": at, "token": TOKEN, "data": data}
    assert requests.post(world.url, msgspec.json.encode(content), timeout=5).status_code == 200
    world.deliver()


@pytest.mark.parametrize("at", [0, -1e300, 1, NOON - 2 * 86_400])
def test_event_about_a_call_with_an_impossible_time_adds_nothing_absurd(
    account: SimulatedAccount, at: float
) -> None:
    with told(account) as world:
        world.live_until_complete()
        world.live(60)
        number, user, now = next(iter(account.numbers)), next(iter(account.users)), int(world.time.now)
        call = {"id": 77, "direction": "inbound", "status": "answered", "started_at": now - 20}
        call |= {"answered_at": now - 10, "user": {"id": user}, "number": {"id": number}}
        send(world, "call.hold", call, at)
        send(world, "call.ringing_on_agent", call, at)
        send(world, "call.ended", call | {"status": "done", "ended_at": now, "started_at": 0}, now)
        send(world, "call.ended", call | {"id": 78, "status": "done", "ended_at": now}, now)
        send(world, "call.ringing_on_agent", call | {"id": 78}, at)
        send(world, "call.hold", call | {"id": 78}, at)
        world.live(120)
        scrape = world.scrape()
        assert scrape.sum("aircall_calls_total") >= 1
        assert scrape.sum("aircall_user_hold_seconds_sum") <= 20
        assert scrape.sum("aircall_call_queue_wait_seconds_sum") <= 20


def test_old_event_about_a_user_of_unknown_state_adds_nothing_to_the_time_in_states(
    account: SimulatedAccount,
) -> None:
    user = next(iter(account.users))

    def without_user(content: Any) -> None:
        content["users"] = [seen for seen in content["users"] if seen["id"] != user]

    absent = Fault(lambda path: path == "/v1/users/availabilities", faults.edited(without_user))
    with told(account, served={"faults": [absent]}) as world:
        world.live_until_complete()
        send(world, "user.disconnected", {"id": user}, 0)
        world.aircall.faults.clear()
        world.live(180)
        scrape, states = world.scrape(), "aircall_user_availability_seconds_total"
        assert 0 < scrape.sum(states, user_id=user) < world.time.now - NOON
        assert scrape.number("aircall_user_availability_changed_timestamp_seconds", user_id=user) >= NOON
