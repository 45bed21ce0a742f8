"""Callers in menus and with AI voice agents do not wait for a person yet, if Aircall reports it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, select

from exporter.archive import schema
from exporter.archive.store import Archive
from exporter.config.settings import ServiceLevel
from exporter.durations import Duration
from exporter.simulator import api, faults
from exporter.simulator.faults import Fault
from exporter.simulator.models import SimulatedCall
from exporter.simulator.simulation import SimulatedAccount
from exporter.simulator.webhook_delivery import NetworkConditions
from harness.scrape import Scrape
from harness.simulated_time import Polled, polled
from tests.support.calls import some_number
from tests.support.request_log import at_path
from tests.support.webhook_world import PolledWithEvents, polled_with_events

CALLER = "+33 1 11 11 11 11"
Runner = Callable[..., AbstractContextManager[Polled]]


@pytest.fixture(params=["timelines", "events"])
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Return how to run an exporter that learns of menus from call timelines, or only from events."""
    if request.param == "timelines":
        return polled
    monkeypatch.setattr(api, "MENUS_S", -1e9)
    return polled_with_events


def answered_after_menu(world: Polled) -> int:
    """Let a caller choose in the menu of a number and be answered. Returns the number."""
    account, now = world.account, world.time.now
    number, users = some_number(account)
    call = account.ring_in(number, CALLER, at=now)
    account.select_option(call.id, "Sales", "1", at=now + 6)
    account.answer(call.id, users[0], at=now + 10)
    account.hang_up(call.id, at=now + 20)
    world.live(30)
    return number


def stage(scrape: Scrape, call: SimulatedCall) -> set[str]:
    """Return the stages in which a call is shown."""
    return scrape.labels("aircall_queue_call_info", "stage", call_id=call.id)


def queue(scrape: Scrape, number: int) -> tuple[float | None, float | None, float | None]:
    """Return how many callers wait, the longest wait, and how many are in a menu."""
    return (
        scrape.value("aircall_queue_calls", number_id=number),
        scrape.value("aircall_queue_longest_wait_seconds", number_id=number),
        scrape.value("aircall_queue_menu_calls", number_id=number),
    )


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


class ShortCalls(SimulatedAccount):
    """A company with short calls, which soon all have ended."""

    talk_scale = 0.3


def left_menu(url: str) -> dict[int, int | None]:
    """Return when callers left the menu, by the id of the archived call."""
    engine = create_engine(url)
    with engine.connect() as connection:
        found = dict(connection.execute(select(schema.calls.c.id, schema.calls.c.left_menu_at)).all())
    engine.dispose()
    return found


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
