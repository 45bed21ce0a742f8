"""Test the journeys of calls, from events and call timelines over real HTTP to the command and the API."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from exporter.account.recorded_steps import STEPS
from exporter.archive.caller_key_file import KeyFile
from exporter.archive.store import Archive
from exporter.cli.exit_codes import ExitCode
from exporter.config.settings import Caller
from exporter.simulator.account_events import AccountEvent
from exporter.simulator.models import SimulatedCall
from exporter.simulator.simulation import SimulatedAccount
from exporter.simulator.webhook_delivery import NetworkConditions
from harness.simulated_time import Polled, polled
from tests.support.archive_contents import digits, found_in, rows
from tests.support.calls import some_number
from tests.support.search_ways import command, served
from tests.support.webhook_world import PolledWithEvents, polled_with_events

CALLER = "+33 6 12 34 56 78"


def seen(url: str, call: SimulatedCall) -> list[tuple[int, str, str, int | None, str]]:
    """Return the steps that the command prints: after how many seconds, the step, user, length and detail."""
    printed = command(url, str(call.id), "--format=ndjson", "--utc", name="call")
    assert (printed.code, printed.err) == (0, "")
    with served(Archive(url)) as address:
        answer = requests.get(f"{address}/api/v1/calls/{call.id}", timeout=10).json()
    assert answer["call"]["id"] == call.id
    lines = [json.loads(line) for line in printed.out.splitlines()]
    assert [line | {"at": 0} for line in lines] == [step | {"at": 0} for step in answer["steps"]]
    return [
        (step["at"] - call.started_at, step["name"], step["user"], step["seconds"], step["detail"])
        for step in answer["steps"]
    ]


def handled(world: Polled) -> SimulatedCall:
    """Let a call go through a menu, two users, a hold and a transfer, and be tagged and archived."""
    account, now = world.account, world.time.now
    number, (ada, ben, *_) = some_number(account)
    call = account.ring_in(number, CALLER, at=now)
    account.select_option(call.id, "Sales", "1", at=now + 6)
    account.ring_on(call.id, ada, at=now + 8)
    account.decline(call.id, ada, at=now + 12)
    account.ring_on(call.id, ben, at=now + 13)
    account.answer(call.id, ben, at=now + 20)
    account.hold(call.id, at=now + 30)
    account.unhold(call.id, at=now + 45)
    account.ring_on(call.id, ada, at=now + 50)
    account.transfer(call.id, ada, at=now + 54)
    account.hang_up(call.id, at=now + 90)
    account.tag(call.id, "VIP", at=now + 100)
    account.archive(call.id, at=now + 101)
    world.live(260)
    return call


@contextmanager
def receiving(
    account: SimulatedAccount, url: str, network: NetworkConditions | None = None, key: KeyFile | None = None
) -> Iterator[PolledWithEvents]:
    """Run an exporter that receives events. After each call, users wrap up for 15 seconds."""
    for user in account.users.values():
        user.wrap_up_time = 15
    with polled_with_events(account, network, archive=Archive(url, key, simulated=True)) as world:
        world.live_until_complete()
        world.live(5)
        yield world


@pytest.mark.parametrize(
    "network",
    [NetworkConditions(), NetworkConditions(doubled=0.5, late=0.7, late_seconds=60)],
    ids=["in order", "doubled and late"],
)
def test_journey_from_events_has_each_step_once_in_order(
    account: SimulatedAccount, database: str, network: NetworkConditions
) -> None:
    with receiving(account, database, network) as world:
        call = handled(world)
        ada, ben = (account.users[id_].name for id_ in some_number(account)[1][:2])
        assert seen(database, call) == [
            (0, "started", "", None, ""),
            (6, "menu", "", None, "Sales"),
            (8, "ringing", ada, 4, ""),
            (12, "declined", ada, None, ""),
            (13, "ringing", ben, 7, ""),
            (20, "answered", ben, 34, ""),
            (30, "held", ben, 15, ""),
            (45, "resumed", ben, None, ""),
            (50, "ringing", ada, 4, ""),
            (54, "transferred", ada, 36, ""),
            (54, "wrap_up", ben, 15, ""),
            (69, "wrapped_up", ben, None, ""),
            (90, "ended", "", None, "answered"),
            (90, "wrap_up", ada, 15, ""),
            (100, "tagged", "", None, ""),
            (101, "archived", "", None, ""),
            (105, "wrapped_up", ada, None, ""),
        ]
        reported = command(database, "--from=0", "--format=json", name="report")
        (row,) = json.loads(reported.out)
        assert (row["average_after_call_work_seconds"], row["average_handle_seconds"]) == (30, 100)


def test_journey_without_events_marks_unknown_parts(account: SimulatedAccount, database: str) -> None:
    with polled(account, archive=Archive(database, simulated=True)) as world:
        world.live_until_complete()
        call = handled(world)
        ada = account.users[some_number(account)[1][0]].name
        assert seen(database, call) == [
            (0, "started", "", None, ""),
            (0, "unknown", "", None, "ringing, holds and transfers"),
            (6, "menu", "", None, "Sales"),
            (20, "answered", ada, 70, ""),
            (90, "ended", "", None, "answered"),
        ]


def test_journey_whose_rings_are_lost_marks_them_unknown(account: SimulatedAccount, database: str) -> None:
    with receiving(account, database) as world:
        number, (ada, *_) = some_number(account)
        now = world.time.now
        call = account.ring_in(number, CALLER, at=now)
        account.answer(call.id, ada, at=now + 20)
        account.hang_up(call.id, at=now + 25)
        world.live(90)
        name = account.users[ada].name
        assert seen(database, call)[:3] == [
            (0, "started", "", None, ""),
            (20, "unknown", "", None, "ringing"),
            (20, "answered", name, 5, ""),
        ]


def test_journey_of_a_missed_call_shows_each_ring_and_the_voicemail(
    account: SimulatedAccount, database: str
) -> None:
    with receiving(account, database) as world:
        number, (ada, ben, *_) = some_number(account)
        now = world.time.now
        call = account.ring_in(number, CALLER, at=now)
        account.ring_on(call.id, ada, at=now + 1)
        account.ring_on(call.id, ben, at=now + 2)
        account.ring_on(call.id, ada, at=now + 15)
        account.miss(call.id, "agents_did_not_answer", at=now + 30, voicemail=True)
        world.live(60)
        first, second = (account.users[id_].name for id_ in (ada, ben))
        assert seen(database, call) == [
            (0, "started", "", None, ""),
            (1, "ringing", first, 14, ""),
            (2, "ringing", second, 13, ""),
            (15, "ringing", first, 15, ""),
            (30, "ended", "", None, "agents_did_not_answer"),
            (30, "voicemail", "", None, ""),
        ]


@pytest.mark.parametrize("caller", ["masked", "hidden"])
def test_journey_shows_no_number_of_a_caller(
    account: SimulatedAccount, tmp_path: Path, caller: Caller
) -> None:
    """A call is transferred to an outside number, which is personal data, too."""
    url, outside = f"sqlite:///{tmp_path}/archive.sqlite", "+44 7700 900123"
    for user in account.users.values():
        user.wrap_up_time = 15
    with polled_with_events(account, archive=Archive(url, simulated=True), caller=caller) as world:
        world.live_until_complete()
        number, (ada, *_) = some_number(account)
        call = account.ring_in(number, CALLER, at=world.time.now)
        account.answer(call.id, ada, at=world.time.now + 5)
        account.transfer_outside(call.id, outside, at=world.time.now + 20)
        world.live(40)
        assert "transferred_outside" in [step for _, step, *_ in seen(url, call)]
    printed = command(url, str(call.id), name="call").out
    assert "12 34" not in printed
    assert found_in(tmp_path, {digits(CALLER), digits(outside), CALLER, outside}) == set()


def test_forgotten_caller_is_in_no_journey(account: SimulatedAccount, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/archive.sqlite"
    with receiving(account, url, key=KeyFile(tmp_path / "caller.key", made_here=True)) as world:
        call = handled(world)
    assert CALLER in command(url, str(call.id), name="call", storage=tmp_path).out
    assert command(url, "--yes", CALLER, name="forget", storage=tmp_path).code == 0
    printed = command(url, str(call.id), name="call", storage=tmp_path)
    assert printed.code == 0
    assert CALLER not in printed.out
    assert "VIP" not in printed.out


def test_steps_of_a_busy_company_equal_the_events_of_the_account(database: str) -> None:
    account = SimulatedAccount(users=12, calls_per_hour=300, seed=3, history=0)
    happened: list[AccountEvent] = []
    network = NetworkConditions(doubled=0.3, late=0.3, late_seconds=30)
    with receiving(account, database, network) as world:
        account.listeners.append(happened.append)
        world.live(300)
        account.listeners.remove(happened.append)
        until = world.time.now
        world.live(100)
    of_calls = [event for event in happened if event.call and event.event in STEPS and event.at < until]
    expected = {(event.call.id, int(event.at), STEPS[event.event]) for event in of_calls if event.call}
    known = {call_id for call_id, *_ in expected}
    found = {(row.call_id, row.at, row.name) for row in rows(database, "call_steps") if row.source == "event"}
    assert len(expected) > 20
    kinds = {"menu", "wrap_up", "wrapped_up"}
    assert {
        step for step in found if step[0] in known and step[2] not in kinds and step[1] < until
    } >= expected
    assert {step[2] for step in found} >= kinds


def test_search_finds_the_missed_calls_that_rang_on_a_user(account: SimulatedAccount, database: str) -> None:
    with receiving(account, database) as world:
        number, (ada, ben, *_) = some_number(account)
        calls = []
        for users in ([ada], [ada, ben], [ben], []):
            call = account.ring_in(number, CALLER, at=world.time.now)
            for after, user in enumerate(users, 1):
                account.ring_on(call.id, user, at=world.time.now + after)
            account.miss(call.id, "agents_did_not_answer", at=world.time.now + 9)
            calls.append(call.id)
            world.live(20)
        world.live(60)
    name = account.users[ada].name
    span = ("--from=0", f"--to={int(world.time.now)}", "--missed")
    found = json.loads(command(database, *span, f"--rang={name}", "--format=json").out)
    assert [call["id"] for call in found] == [calls[1], calls[0]]
    explained = command(database, *span, f"--user={name}").err
    assert f'the 2 missed calls that rang on this user: --rang "{name}" --missed' in explained
    unknown = command(database, *span, "--rang=Ada Lovelac")
    assert unknown.code == ExitCode.NOT_FOUND
    assert '--rang: the archive has no user "Ada Lovelac"' in unknown.err


def test_call_that_the_archive_does_not_have_is_named(account: SimulatedAccount, database: str) -> None:
    with polled(account, archive=Archive(database, simulated=True)) as world:
        world.live_until_complete()
    printed = command(database, "5", name="call")
    assert (printed.code, printed.out) == (ExitCode.NOT_FOUND, "")
    assert printed.err == "aircall-exporter: call: the archive has no call 5\n"
    printed = command(database, "x5", name="call")
    assert printed.code == ExitCode.USAGE
    assert 'ID: found "x5", expected the id of a call' in printed.err
    with served(Archive(database)) as address:
        answers = [requests.get(f"{address}/api/v1/calls/{id_}", timeout=10) for id_ in ("5", "x5", "9" * 40)]
    assert [answer.status_code for answer in answers] == [404] * 3
    assert all(set(answer.json()) == {"error"} for answer in answers)
