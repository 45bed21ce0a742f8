"""Test which steps of calls are kept for the archive."""

from collections import Counter

import pytest

from exporter.account import recorded_steps
from exporter.account.recorded_steps import CallStep, CallSteps
from exporter.aircall.call_times import MAX_CALL_S
from exporter.aircall.data_limits import Limit
from exporter.aircall.events import Event, UserEventData
from exporter.aircall.menus import MenuStep
from exporter.aircall.models import Call, CallDetails, CallWithDetails, Ref

START = 1_780_000_000


def event(name: str, after: float, call: int = 1, user: int | None = 7) -> Event:
    reported = Call(call, "inbound", "answered", START, user=None if user is None else Ref(user))
    return Event(name, START + after, CallWithDetails(reported, CallDetails()))


def wrap_up(name: str, after: float, user: int = 7) -> Event:
    return Event(name, START + after, user=UserEventData(user))


@pytest.fixture
def exceeded() -> Counter[Limit]:
    return Counter()


@pytest.fixture
def steps(exceeded: Counter[Limit]) -> CallSteps:
    return CallSteps(exceeded)


def test_step_that_is_reported_again_is_taken_once(steps: CallSteps) -> None:
    steps.record(event("call.hold", 5))
    steps.record(event("call.hold", 5))
    assert steps.take(START) == (CallStep(1, START + 5, "held", 7),)
    steps.record(event("call.hold", 5))
    steps.record_menus(1, [MenuStep(START + 2, "menu", "Sales")])
    steps.record_menus(1, [MenuStep(START + 2, "menu", "Sales")])
    assert steps.take(START) == (CallStep(1, START + 2, "menu", None, "Sales", "timeline"),)


def test_steps_for_which_the_archive_had_no_room_are_taken_again_before_later_ones(steps: CallSteps) -> None:
    steps.record(event("call.hold", 5))
    taken = steps.take(START)
    steps.record(event("call.unhold", 9))
    steps.taken_back(taken)
    assert [step.name for step in steps.take(START)] == ["held", "resumed"]


def test_steps_beyond_the_limit_are_lost_and_counted(
    steps: CallSteps, exceeded: Counter[Limit], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded_steps, "MAX_UNSAVED", 2)
    for after in range(5):
        steps.record(event("call.hold", after))
    assert len(steps.take(START)) == 2
    assert exceeded == {"call_steps": 3}


@pytest.mark.parametrize("name", ["call.created", "call.hungup", "call.ended", "user.opened"])
def test_event_that_the_call_itself_says_is_no_step(steps: CallSteps, name: str) -> None:
    steps.record(event(name, 5) if name.startswith("call") else wrap_up(name, 5))
    assert steps.take(START + 1000) == ()


@pytest.mark.parametrize("after", [-61, MAX_CALL_S + 1])
def test_event_whose_time_cannot_be_right_is_no_step(steps: CallSteps, after: float) -> None:
    steps.record(event("call.hold", after))
    assert steps.take(START) == ()


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_wrap_up_belongs_to_the_last_call_of_the_user_in_any_order(
    steps: CallSteps, order: tuple[int, ...]
) -> None:
    events = (
        event("call.ended", 10, call=1),
        wrap_up("user.wut_start", 10),
        wrap_up("user.wut_end", 25),
        event("call.answered", 30, call=2),
    )
    for position in order:
        steps.record(events[position])
    assert [step.name for step in steps.take(START + 60)] == ["answered"]
    assert set(steps.take(START + 70 + recorded_steps.WRAP_UP_DELAY_S)) == {
        CallStep(1, START + 10, "wrap_up", 7),
        CallStep(1, START + 25, "wrapped_up", 7),
    }


def test_wrap_up_of_a_user_who_has_not_talked_is_no_step(steps: CallSteps) -> None:
    steps.record(wrap_up("user.wut_start", 10, user=8))
    steps.record(event("call.ended", 10))
    assert steps.take(START + 1000) == ()
