"""Tests of webhook events: in any order, repeated or lost, they lead to the board of polls."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from exporter.account.account import Account
from exporter.account.call_versions import latest_version
from exporter.account.current_board import current_board
from exporter.account.event_processor import EventProcessor
from exporter.account.event_stats import EventStats
from exporter.aircall.events import Event, UserEventData
from exporter.aircall.models import Call, CallDetails, CallWithDetails, Ref, Tag
from tests.support.account_changes import (
    START,
    calls,
    page,
    read_availabilities,
    saved,
    shown,
)
from tests.support.call_lives import END, Moment, company, journeys

DAY = 86_400


lives = st.tuples(journeys(1), journeys(2), journeys(3)).map(lambda found: [m for of in found for m in of])


def as_of(life: Sequence[Moment], at: float) -> list[Call]:
    """Return the calls as a poll at this time lists them."""
    latest = {
        moment.call.id: moment.call for moment in sorted(life, key=lambda m: m.at) if moment.at + 1 <= at
    }
    return [structs.replace(call, user=None) if call.waiting else call for call in latest.values()]


def poll(account: Account, life: Sequence[Moment], at: float) -> None:
    account.apply_call_page(page([CallWithDetails(call, CallDetails()) for call in as_of(life, at)]), at)


def settled(account: Account) -> list[object]:
    """Return the board after all data was fetched again, without what depends on the time of observation.

    These are the times in states, and the last call in each bucket.
    """
    account.advance_to(END)
    read_availabilities({1: "available", 2: "in_call", 3: "offline"}, END - START + 1, True)(account)
    saved(account)
    assert account.ledger.totals is not None
    account.ledger.totals._exemplars.clear()
    board = current_board(account, 0.0)
    users = tuple(replace(row, since=None, seconds={}) for row in board.users)
    return shown(replace(board, users=users))


@st.composite
def arrivals(draw: st.DrawFn, lossy: bool) -> tuple[list[Moment], list[Moment]]:
    """Draw events, and the same events as they arrive: in any order, duplicated, and partly lost."""
    life = draw(lives)
    lost = draw(st.sets(st.sampled_from(range(len(life))))) if lossy else set()
    arriving = [moment for place, moment in enumerate(life) if place not in lost]
    doubled = draw(st.lists(st.sampled_from(arriving), max_size=5)) if arriving else []
    return life, draw(st.permutations(arriving + doubled))


@given(arrivals(lossy=False))
def test_events_in_any_order_and_repeated_produce_the_same_board(
    found: tuple[list[Moment], list[Moment]],
) -> None:
    life, arriving = found
    (in_order, processor_in_order), (mixed, processor_mixed) = company(), company()
    for moment in sorted(life, key=lambda moment: moment.at):
        processor_in_order.apply(moment.event, END)
    for moment in arriving:
        processor_mixed.apply(moment.event, END)
    assert settled(mixed) == settled(in_order)


@given(arrivals(lossy=True), st.lists(st.tuples(st.integers(0, 30), st.integers(-600, 690)), max_size=4))
def test_board_after_events_and_a_poll_equals_board_of_polls(
    found: tuple[list[Moment], list[Moment]], polls: list[tuple[int, int]]
) -> None:
    life, arriving = found
    (account, processor), (polled, _) = company(), company()
    steps: list[Callable[[], object]] = [partial(processor.apply, moment.event, END) for moment in arriving]
    for (place, _), (_, at) in zip(sorted(polls), sorted(polls, key=lambda pair: pair[1]), strict=True):
        steps.insert(place, partial(poll, account, life, START + at))
    for step in steps:
        step()
    for each in (account, polled):
        poll(each, life, END)
    assert settled_without_event_stats(account) == settled_without_event_stats(polled)


def settled_without_event_stats(account: Account) -> list[object]:
    account.event_stats = EventStats(account.identities, account.limits)
    forget_rings(account)
    return settled(account)


def forget_rings(account: Account) -> None:
    """Remove what only events report: on whom a waiting call rings."""
    for call in account.calls.active_calls():
        account.calls.calls[call.id] = structs.replace(call, menus=None)


@given(
    st.lists(calls(), min_size=1, max_size=5).flatmap(
        lambda found: st.tuples(st.just(found), st.permutations(found))
    )
)
def test_latest_version_of_versions_in_any_order_is_the_same(found: tuple[list[Call], list[Call]]) -> None:
    versions, mixed = found
    first, *others = versions
    newest = first
    for other in others:
        newest = latest_version(newest, other)
    again = mixed[0]
    for other in (*mixed, *versions):
        again = latest_version(other, again)
    assert again == newest


USERS_EVENTS = st.tuples(
    st.sampled_from(["opened", "closed", "connected", "disconnected", "wut_start", "wut_end"]),
    st.booleans(),
    st.integers(1, 60),
).map(lambda drawn: Event(f"user.{drawn[0]}", START + drawn[2], user=UserEventData(1, drawn[1])))


@given(
    st.lists(USERS_EVENTS, min_size=1, max_size=6, unique_by=lambda event: event.at).flatmap(
        lambda events: st.tuples(st.just(events), st.permutations([*events, *events]))
    )
)
def test_user_state_events_in_any_order_is_of_the_last_event_or_uncertain(
    found: tuple[list[Event], list[Event]],
) -> None:
    in_order, mixed = company(), company()
    for event in sorted(found[0], key=lambda event: event.at):
        in_order[1].apply(event, END)
    for event in found[1]:
        mixed[1].apply(event, END)
    states = {account.presence.users[1].state for account, _ in (in_order, mixed)}
    assert len(states) == 1 or in_order[1].uncertain_users or mixed[1].uncertain_users


def old_call_with_recent_events(age: int) -> tuple[Account, list[Moment]]:
    """Return a call that began `age` seconds before its last event. Its events are a second apart."""
    began = Call(7, "inbound", "answered", END - age, answered_at=END - age + 5, user=Ref(1), number=Ref(1))
    ended = structs.replace(began, status="done", ended_at=END - 4)
    held = [Moment(END - 60, "call.hold", began), Moment(END - 40, "call.unhold", began)]
    over = [Moment(END - 4, "call.hungup", ended), Moment(END - 3, "call.ended", ended)]
    return company()[0], held + over


def test_event_stats_long_call_keeps_its_events() -> None:
    account, life = old_call_with_recent_events(5 * 3600)
    account.advance_to(END - 5 * 3600)
    account.apply_call_page(page([CallWithDetails(life[0].call, CallDetails())]), END - 5 * 3600 + 6)
    processor = EventProcessor(account)
    for moment in life:
        account.advance_to(moment.at)
        assert processor.apply(moment.event, moment.at) == "accepted"
    account.advance_to(END + 200)
    assert account.event_stats.totals["hold_sum", "1"] == 20
    account.advance_to(END + 5000)
    assert 7 not in account.calls.calls


def test_event_of_an_old_call_after_a_later_event_is_out_of_order() -> None:
    call = Call(7, "inbound", "done", END - DAY, ended_at=END - DAY + 60, number=Ref(1))
    account, processor = company()
    account.advance_to(END)
    account.coverage.mark_fetched(END - 2 * DAY, END)
    assert (
        processor.apply(Event("call.tagged", END, CallWithDetails(call, CallDetails((Tag("VIP"),)))), END)
        == "accepted"
    )
    account.advance_to(END + 10)
    assert (
        processor.apply(Event("call.commented", END - 1, CallWithDetails(call, CallDetails())), END + 10)
        == "out_of_order"
    )


def test_event_hours_late_about_fetched_call_is_out_of_order() -> None:
    call = Call(7, "inbound", "done", END - DAY, ended_at=END - DAY + 60, number=Ref(1))
    account, processor = company()
    account.advance_to(END)
    late = Event("call.ended", END - DAY + 90, CallWithDetails(call, CallDetails()))
    assert processor.apply(late, END) == "accepted"
    account, processor = company()
    account.advance_to(END)
    account.coverage.mark_fetched(END - 2 * DAY, END)
    assert processor.apply(late, END) == "out_of_order"


def test_event_stats_hold_ends_with_next_unhold() -> None:
    call = Call(7, "inbound", "answered", START, answered_at=START + 5, user=Ref(1), number=Ref(1))
    ended = structs.replace(call, status="done", ended_at=START + 60)
    account, processor = company()
    for second, name in ((10, "hold"), (20, "unhold"), (20, "hold"), (35, "unhold")):
        processor.apply(Moment(START + second, f"call.{name}", call).event, END)
    processor.apply(Moment(START + 60, "call.ended", ended).event, END)
    account.advance_to(START + 600)
    counts = account.event_stats.totals
    assert (counts["hold_count", "1"], counts["hold_sum", "1"]) == (2, 25)
