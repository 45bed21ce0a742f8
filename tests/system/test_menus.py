"""Callers in menus and with AI voice agents do not wait for a person yet, if Aircall reports it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from exporter.config.settings import ServiceLevel
from exporter.durations import Duration
from exporter.simulator import api, faults
from exporter.simulator.faults import Fault
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import Polled, polled
from tests.support.calls import some_number
from tests.support.menus import CALLER, answered_after_menu, queue, stage
from tests.support.request_log import at_path
from tests.support.webhook_world import polled_with_events

Runner = Callable[..., AbstractContextManager[Polled]]


@pytest.fixture(params=["timelines", "events"])
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Return how to run an exporter that learns of menus from call timelines, or only from events."""
    if request.param == "timelines":
        return polled
    monkeypatch.setattr(api, "MENUS_S", -1e9)
    return polled_with_events


def test_caller_in_a_menu_waits_from_their_choice_on(account: SimulatedAccount, run: Runner) -> None:
    with run(account) as world:
        world.live_until_complete()
        number = answered_after_menu(world)
        users = some_number(account)[1]
        begin = world.time.now
        call = account.ring_in(number, CALLER, at=begin)
        world.live(21)
        scrape = world.scrape()
        assert stage(scrape, call) == {"menu"}
        assert queue(scrape, number) == (0, 0, 1)
        assert scrape.all("aircall_queue_call_wait_seconds") == {}
        assert set(scrape.all("aircall_user_waiting_calls").values()) == {0}
        account.select_option(call.id, "Sales", "1", at=begin + 22)
        world.live(15)
        scrape = world.scrape()
        assert stage(scrape, call) == {"ringing"}
        assert queue(scrape, number) == pytest.approx((1, world.time.now - int(begin + 22), 0))
        assert scrape.value("aircall_queue_call_wait_level", call_id=call.id) == 1
        account.answer(call.id, users[1], at=begin + 40)
        account.hang_up(call.id, at=begin + 60)
        world.live(40)
        scrape = world.scrape()
        for period in ("recent", "today"):
            found = scrape.value("aircall_number_average_answer_seconds", number_id=number, period=period)
            assert found == pytest.approx((18 + 4) / 2, abs=0.5)
        assert scrape.value("aircall_call_answer_seconds_sum", number_id=number) == pytest.approx(22, abs=1)


def test_service_level_counts_waits_from_the_menu(account: SimulatedAccount, run: Runner) -> None:
    level = ServiceLevel(within=Duration(5), ignore_abandoned_within=Duration(6))
    with run(account, service_level=level) as world:
        world.live_until_complete()
        number = answered_after_menu(world)
        now = world.time.now
        call = account.ring_in(number, CALLER, at=now)
        account.select_option(call.id, "Sales", "1", at=now + 9)
        account.miss(call.id, "abandoned_in_classic", at=now + 12)
        world.live(30)
        scrape = world.scrape()
        assert scrape.value("aircall_number_service_level_ratio", number_id=number, period="recent") == 1
        assert scrape.value("aircall_call_abandon_seconds_sum", number_id=number) == 3


def test_caller_who_chooses_nothing_counts_as_waiting_after_two_minutes(
    account: SimulatedAccount, run: Runner
) -> None:
    with run(account) as world:
        world.live_until_complete()
        number = answered_after_menu(world)
        call = account.ring_in(number, CALLER)
        world.live(110)
        assert stage(world.scrape(), call) == {"menu"}
        world.live(75)
        scrape = world.scrape()
        assert stage(scrape, call) == {"unknown"}
        assert queue(scrape, number) == pytest.approx((1, world.time.now - call.started_at, 0))


def test_caller_who_chooses_nothing_waits_from_the_start_once_the_call_rings(
    account: SimulatedAccount,
) -> None:
    with polled_with_events(account) as world:
        world.live_until_complete()
        number = answered_after_menu(world)
        begin = world.time.now
        call = account.ring_in(number, CALLER, at=begin)
        world.live(12)
        account.ring_on(call.id, some_number(account)[1][0], at=begin + 12)
        world.live(5)
        scrape = world.scrape()
        assert stage(scrape, call) == {"ringing"}
        assert queue(scrape, number) == pytest.approx((1, world.time.now - int(begin), 0))


def test_number_whose_menu_was_removed_has_none_after_the_next_answered_calls(
    account: SimulatedAccount,
) -> None:
    with polled_with_events(account) as world:
        world.live_until_complete()
        number, (user, *_) = answered_after_menu(world), some_number(account)[1]
        world.live(world.settings.activity_period)
        call = account.ring_in(number, CALLER, at=world.time.now)
        account.ring_on(call.id, user, at=world.time.now + 9)
        account.answer(call.id, user, at=world.time.now + 12)
        account.hang_up(call.id, at=world.time.now + 20)
        world.live(90)
        call = account.ring_in(number, CALLER)
        world.live(25)
        assert stage(world.scrape(), call) == {"unknown"}


@pytest.mark.parametrize("name", ["transition_started_at", "transition_ended_at"])
def test_menu_in_the_future_is_ignored(account: SimulatedAccount, name: str) -> None:
    def postpone(content: Any) -> None:
        for sent in content["calls"]:
            options = sent.setdefault("ivr_options_selected", [])
            options.append({name: sent["started_at"] + 3600})

    with polled(account) as world:
        world.aircall.faults.append(Fault(at_path("/v1/calls"), faults.edited(postpone)))
        world.live_until_complete()
        call = account.ring_in(some_number(account)[0], CALLER)
        world.live(25)
        scrape = world.scrape()
        assert stage(scrape, call) == {"unknown"}
        assert scrape.value("aircall_queue_call_wait_seconds", call_id=call.id) == pytest.approx(25, abs=1)


def test_company_without_reports_of_menus_counts_waits_from_the_start(account: SimulatedAccount) -> None:
    account.smartflows = False
    with polled_with_events(account) as world:
        world.live_until_complete()
        number = answered_after_menu(world)
        call = account.ring_in(number, CALLER)
        world.live(15)
        scrape = world.scrape()
        assert stage(scrape, call) == {"unknown"}
        assert queue(scrape, number) == pytest.approx((1, 15, 0), abs=1)
        assert scrape.value("aircall_call_answer_seconds_sum", number_id=number) == 10
        assert world.poller.snapshot().board.menu_source == "none"


@pytest.mark.parametrize("ai_answers", [False, True], ids=["rings during the AI agent", "answered by it"])
def test_call_of_an_ai_agent_is_no_answer_by_a_person(
    account: SimulatedAccount, run: Runner, ai_answers: bool
) -> None:
    account.ai_answers = ai_answers
    number, users = some_number(account)
    with run(account) as world:
        world.live_until_complete()
        begin = world.time.now
        handled = account.ring_in(number, CALLER, at=begin)
        passed_on = account.ring_in(number, CALLER, at=begin)
        for call in (handled, passed_on):
            account.start_ai_agent(call.id, at=begin + 1)
        world.live(20)
        scrape = world.scrape()
        assert stage(scrape, handled) == stage(scrape, passed_on) == {"menu"}
        assert queue(scrape, number) == (0, 0, 2)
        account.end_ai_agent(handled.id, at=begin + 22)
        account.escalate_ai_agent(passed_on.id, at=begin + 25)
        world.live(15)
        scrape = world.scrape()
        assert stage(scrape, passed_on) == {"ringing"}
        assert queue(scrape, number) == pytest.approx((1, world.time.now - int(begin + 25), 0))
        account.answer(passed_on.id, users[0], at=begin + 37)
        account.hang_up(passed_on.id, at=begin + 50)
        world.live(60)
        scrape = world.scrape()
        calls = {
            (labels["user_id"], labels["outcome"]): count
            for key, count in scrape.all("aircall_calls_total", number_id=number).items()
            if count
            for labels in [dict(key)]
        }
        assert calls == {("", "ai_agent"): 1, (str(users[0]), "answered"): 1}
        recent = {"number_id": number, "period": "recent"}
        outcomes = {
            dict(labels)["outcome"]: count
            for labels, count in scrape.all("aircall_number_period_calls", **recent).items()
            if dict(labels)["direction"] == "inbound"
        }
        assert outcomes == {"answered": 1, "missed": 0, "ai_agent": 1}
        assert scrape.sum("aircall_number_service_calls", **recent) == 1
        expected = 0 if ai_answers else int(begin + 37) - int(begin + 25)
        assert scrape.value("aircall_number_average_answer_seconds", **recent) == expected
