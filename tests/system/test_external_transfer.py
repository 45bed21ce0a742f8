"""Calls that a user transferred to an outside number: the user is not shown as free and in a call at once."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.account.current_board import current_board
from exporter.aircall.models import CallDetails, CallWithDetails
from exporter.simulator import faults
from exporter.simulator.faults import Fault
from exporter.simulator.models import SimulatedCall
from exporter.simulator.simulation import SimulatedAccount
from harness.scrape import Scrape
from harness.simulated_time import NOON, Polled, polled
from tests.support.account_changes import START, Counting, page, read_availabilities, read_users
from tests.support.account_changes import calls as any_call
from tests.support.webhook_world import polled_with_events

OUTSIDE = "+44 20 7946 0000"
BUSY = ("in_call", "unknown")


def contradictions(scrape: Scrape) -> set[str]:
    """Return the users who are shown in a call and in a state that rules it out."""
    talking = scrape.labels("aircall_user_current_call_seconds", "user_id")
    states = scrape.all("aircall_user_availability")
    free = {dict(found)["user_id"] for found, value in states.items() if value and not _is_busy(found)}
    return talking & free


def _is_busy(labels: frozenset[tuple[str, str]]) -> bool:
    return dict(labels)["state"] in BUSY


def hide_field(content: Any) -> None:
    for call in content.get("calls", [content.get("call", {})]):
        call.pop("external_transferred_to", None)


@pytest.fixture(params=["with the field", "without the field"])
def transferred(request: pytest.FixtureRequest) -> Iterator[tuple[Polled, SimulatedCall, int]]:
    """Return a call that a user has just transferred to an outside number."""
    account = SimulatedAccount(users=4, calls_per_hour=0, start=NOON)
    hidden = [Fault(lambda path: path.startswith("/v1/calls"), faults.edited(hide_field))]
    served = {"faults": hidden if request.param == "without the field" else []}
    with polled(account, served=served) as world:
        world.live_until_complete()
        user = next(iter(account.users))
        call = account.ring_in(account.numbers_of(user)[0].id, "+33 1 11 11 11 11", at=world.time.now)
        account.answer(call.id, user)
        world.poll()
        assert world.scrape().all("aircall_user_current_call_seconds", user_id=user)
        account.transfer_outside(call.id, OUTSIDE, at=world.time.now)
        yield world, call, user


def test_external_transfer_frees_the_user_and_counts_the_call_once(transferred: Any) -> None:
    world, call, user = transferred
    for _ in range(60):
        world.step(world.time.now + 5)
        assert not contradictions(world.scrape())
    assert not world.scrape().all("aircall_user_current_call_seconds")
    state = world.scrape().all("aircall_user_availability", user_id=user, state="available")
    assert set(state.values()) == {1}
    assert world.scrape().sum("aircall_calls_total") == 0
    world.account.hang_up(call.id, at=world.time.now)
    world.live(120)
    counted = world.scrape()
    assert counted.sum("aircall_calls_total") == 1
    assert counted.value("aircall_user_talk_seconds_count", user_id=user, direction="inbound") == 1


def test_external_transfer_user_who_dials_does_not_show_the_old_call(transferred: Any) -> None:
    world, _, user = transferred
    world.poll()
    second = world.account.dial(user, world.account.numbers_of(user)[0].id, "+33 2", at=world.time.now)
    world.poll()
    assert not world.scrape().all("aircall_user_current_call_seconds")
    world.account.answer(second.id, None)
    world.poll()
    shown = world.scrape().labels("aircall_user_current_call_seconds", "caller", user_id=user)
    assert shown == {"+33 2"}


@pytest.mark.parametrize("late", [False, True])
def test_external_transfer_event_ends_the_current_call_at_once(late: bool) -> None:
    account = SimulatedAccount(users=4, calls_per_hour=0, start=NOON)
    with polled_with_events(account) as world:
        world.live_until_complete()
        user = next(iter(account.users))
        call = account.ring_in(account.numbers_of(user)[0].id, "+33 1 11 11 11 11", at=world.time.now)
        account.answer(call.id, user)
        world.deliver()
        assert world.scrape().all("aircall_user_current_call_seconds", user_id=user)
        account.transfer_outside(call.id, OUTSIDE, at=world.time.now + 2)
        world.time.now += 3
        if late:
            world.poll()
        world.deliver()
        scrape = world.scrape()
        assert not scrape.all("aircall_user_current_call_seconds")
        account.hang_up(call.id, at=world.time.now + 30)
        world.live(90)
        assert world.scrape().sum("aircall_calls_total") == 1


states = st.sampled_from(["available", "offline", "do_not_disturb", "in_call", "after_call_work", "new"])


@given(
    st.lists(any_call(), max_size=5),
    st.dictionaries(st.integers(1, 4), states, max_size=4),
    st.lists(any_call(), max_size=5),
    st.booleans(),
)
def test_board_any_calls_and_availabilities_never_contradict(
    before: list, availabilities: dict[int, str], after: list, whole: bool
) -> None:
    account = Counting()
    read_users({1, 2, 3, 4})(account)
    account.apply_call_page(page([CallWithDetails(call, CallDetails()) for call in before]), START)
    read_availabilities(availabilities, 50, whole)(account)
    account.apply_call_page(page([CallWithDetails(call, CallDetails()) for call in after]), START + 60)
    for row in current_board(account, 0.0).users:
        assert row.current is None or row.state in BUSY
