"""Calls are counted once, with all that timelines and events say of their callers' menus."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exporter.archive.store import Archive
from exporter.simulator import api, faults
from exporter.simulator.faults import Fault
from exporter.simulator.models import SimulatedCall
from exporter.simulator.simulation import SimulatedAccount
from exporter.simulator.webhook_delivery import NetworkConditions
from harness.simulated_time import polled
from tests.support.calls import some_number
from tests.support.menus import CALLER, ShortCalls, answered_after_menu, left_menu, stage
from tests.support.request_log import at_path
from tests.support.webhook_world import PolledWithEvents, polled_with_events


def test_archive_after_lost_late_and_repeated_events_equals_the_account(tmp_path: Path) -> None:
    account, url = (
        ShortCalls(users=12, calls_per_hour=500, seed=3, history=600),
        f"sqlite:///{tmp_path}/a",
    )
    network = NetworkConditions(lost=0.2, doubled=0.2, late=0.3, late_seconds=60)
    with polled_with_events(account, network, archive=Archive(url)) as world:
        world.live_until_complete()
        world.live(600)
        account.stop_traffic()
        while any(call.ended_at is None for call in account.calls.values()):
            world.live(60)
        world.live(90)
    expected = {
        call.id: call.left_menu_at
        for call in account.calls.values()
        if call.started_at >= world.poller.account.day.start
    }
    assert sum(left is not None for left in expected.values()) > 20
    assert {id_: left for id_, left in left_menu(url).items() if id_ in expected} == expected


@pytest.mark.parametrize("answered", [True, False], ids=["answered", "missed"])
def test_call_whose_end_is_an_event_is_counted_with_its_timeline(
    account: SimulatedAccount, answered: bool
) -> None:
    """The event of the choice is lost, and the call ends before the next poll."""
    network = NetworkConditions()
    with polled_with_events(account, network) as world:
        world.live_until_complete()
        number, users = answered_after_menu(world), some_number(account)[1]
        world.live(60)
        counted = world.scrape()
        begin = world.time.now
        call = account.ring_in(number, CALLER, at=begin)
        network.lost = 1.0
        account.select_option(call.id, "Sales", "1", at=begin + 9)
        world.time.now += 10
        world.deliver()
        network.lost = 0.0
        if answered:
            account.answer(call.id, users[0], at=begin + 15)
            account.hang_up(call.id, at=begin + 20)
        else:
            account.miss(call.id, "abandoned_in_classic", at=begin + 15)
        world.time.now += 12
        world.deliver()
        scrape = world.scrape()
        outcome = "answered" if answered else "missed"
        kind = {"number_id": number, "direction": "inbound", "outcome": outcome}
        assert scrape.value("aircall_number_period_calls", period="recent", **kind) == 1 + answered
        assert scrape.all("aircall_queue_call_info") == {}
        assert scrape.sum("aircall_calls_total") == 1
        world.live(90)
        scrape = world.scrape()
        assert scrape.sum("aircall_calls_total", **kind) == 1 + answered
        family = "aircall_call_answer_seconds_sum" if answered else "aircall_call_abandon_seconds_sum"
        waited = scrape.sum(family, number_id=number) - counted.sum(family, number_id=number)
        assert waited == int(begin + 15) - int(begin + 9)


def ended_by_event(world: PolledWithEvents) -> SimulatedCall:
    """Let a call begin, be fetched, and end by an event before the next poll. Returns the call."""
    account, (number, users) = world.account, some_number(world.account)
    world.poll()
    begin = world.time.now
    call = account.ring_in(number, CALLER, at=begin)
    account.answer(call.id, users[0], at=begin + 5)
    account.hang_up(call.id, at=world.time.now + 20)
    world.time.now += 21
    world.deliver()
    return call


def unconfirmed(kind: str, call_id: int) -> Callable[[Any], None]:
    """Return how to edit a response so that it does not have the end of a call."""

    def edit(content: Any) -> None:
        for sent in content.get("calls", [content.get("call", {})]):
            if sent.get("id") == call_id:
                hidden = {
                    "done": ("ended_at",),
                    "answered": ("ended_at",),
                    "initial": ("ended_at", "answered_at"),
                }
                sent.update(dict.fromkeys(hidden[kind]), status=kind)

    return edit


@pytest.mark.parametrize("kind", ["done", "answered", "initial", "404", "500", "403"])
def test_call_whose_end_aircall_never_returns_is_counted_after_a_minute(
    account: SimulatedAccount, kind: str
) -> None:
    with polled_with_events(account) as world:
        world.live_until_complete()
        answered_after_menu(world)
        world.live(60)
        call = ended_by_event(world)
        if kind.isdecimal():
            world.aircall.faults.append(Fault(at_path(f"/v1/calls/{call.id}"), faults.answer(int(kind))))
            hide = faults.edited(lambda content: _without(content, call.id))
            world.aircall.faults.append(Fault(at_path("/v1/calls"), hide))
        else:
            every = Fault(
                lambda path: path.startswith("/v1/calls"), faults.edited(unconfirmed(kind, call.id))
            )
            world.aircall.faults.append(every)
        assert world.scrape().sum("aircall_calls_total") == 1
        world.live(200)
        assert world.scrape().sum("aircall_calls_total") == 2
        assert world.scrape().sum("aircall_number_period_calls", period="recent") == 2
        assert call.id not in world.poller.account.calls.active


def _without(content: Any, call_id: int) -> None:
    if "calls" in content:
        content["calls"] = [sent for sent in content["calls"] if sent["id"] != call_id]


def test_long_call_that_ends_by_event_before_a_restart_is_counted_with_the_first_polls(
    account: SimulatedAccount, tmp_path: Path
) -> None:
    """It began before the calls that the first poll after the restart lists."""
    url, (number, users) = f"sqlite:///{tmp_path}/calls.db", some_number(account)
    call = account.ring_in(number, CALLER, at=account.now - 6000)
    account.answer(call.id, users[1], at=account.now - 5990)
    with polled_with_events(account, archive=Archive(url)) as world:
        world.live_until_complete()
        answered_after_menu(world)
        world.live(60)
        counted = world.scrape().sum("aircall_calls_total")
        world.poll()
        account.hang_up(call.id, at=world.time.now)
        world.time.now += 1
        world.deliver()
        assert world.scrape().sum("aircall_calls_total") == counted
    account.advance(account.now + 3600)
    with polled_with_events(account, archive=Archive(url)) as again:
        again.live_until_complete()
        again.live(120)
        assert again.scrape().sum("aircall_calls_total") == counted + 1


@pytest.mark.parametrize("after", [60, 3600])
def test_choice_after_the_answer_does_not_change_the_wait(account: SimulatedAccount, after: int) -> None:
    number, users = some_number(account)
    with polled(account) as world:
        world.live_until_complete()
        begin = world.time.now
        call = account.ring_in(number, CALLER, at=begin)
        account.select_option(call.id, "Sales", "1", at=begin + 10)

        def choose_again(content: Any) -> None:
            for sent in content.get("calls", [content.get("call", {})]):
                if sent.get("answered_at"):
                    at = sent["answered_at"] + after
                    sent.setdefault("ivr_options_selected", []).append({"transition_ended_at": at})

        faults_at = Fault(lambda path: path.startswith("/v1/calls"), faults.edited(choose_again))
        world.aircall.faults.append(faults_at)
        account.answer(call.id, users[0], at=begin + 40)
        account.hang_up(call.id, at=begin + 160)
        world.live(200)
        assert world.scrape().value("aircall_call_answer_seconds_sum", number_id=number) == 30


def test_lost_end_of_an_ai_agent_is_corrected_by_the_timeline(account: SimulatedAccount) -> None:
    number, users = some_number(account)
    network = NetworkConditions()
    with polled_with_events(account, network) as world:
        world.live_until_complete()
        answered_after_menu(world)
        world.live(60)
        counted = world.scrape().sum("aircall_call_answer_seconds_sum")
        world.poll()
        begin = world.time.now
        call = account.ring_in(number, CALLER, at=begin)
        account.start_ai_agent(call.id, at=begin + 2)
        network.lost = 1.0
        account.escalate_ai_agent(call.id, at=begin + 12)
        world.time.now = begin + 13
        world.deliver()
        network.lost = 0.0
        account.ring_on(call.id, users[0], at=begin + 22)
        account.answer(call.id, users[0], at=begin + 25)
        account.hang_up(call.id, at=begin + 26)
        world.live(150)
        assert world.scrape().sum("aircall_call_answer_seconds_sum") - counted == int(begin + 25) - int(
            begin + 12
        )


def test_restart_keeps_what_only_events_have_reported(
    account: SimulatedAccount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "MENUS_S", -1e9)
    url = f"sqlite:///{tmp_path}/calls.db"
    number, users = some_number(account)
    with polled_with_events(account, archive=Archive(url)) as world:
        world.live_until_complete()
        begin = world.time.now
        call = account.ring_in(number, CALLER, at=begin)
        account.select_option(call.id, "Sales", "1", at=begin + 9)
        world.live(15)
    with polled(account, archive=Archive(url)) as again:
        again.live_until_complete()
        scrape = again.scrape()
        assert stage(scrape, call) == {"ringing"}
        account.answer(call.id, users[0], at=again.time.now)
        account.hang_up(call.id, at=again.time.now + 5)
        again.live(60)
        assert call.answered_at is not None
        waited = call.answered_at - int(begin + 9)
        assert again.scrape().value("aircall_call_answer_seconds_sum", number_id=number) == waited
    assert left_menu(url)[call.id] == int(begin + 9)
