"""Decode and merge what is known about callers' menus, however odd the data is."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.account.menu_stages import FIRST_MENU_S, MAX_MENU_S, stage_of
from exporter.aircall.call_decoding import decode_call_items
from exporter.aircall.menus import NO_MENUS, MenuTimes, merged
from exporter.aircall.models import Call, CallWithDetails

START = 1_780_000_000

moments = st.integers(0, 5)
knowledge = st.none() | st.builds(MenuTimes, *[moments] * 5, st.booleans())


@given(knowledge, knowledge, knowledge)
def test_merged_knowledge_does_not_depend_on_order_or_repetition(
    one: MenuTimes | None, two: MenuTimes | None, three: MenuTimes | None
) -> None:
    assert merged(one, two) == merged(two, one)
    assert merged(merged(one, two), three) == merged(one, merged(two, three))
    assert merged(one, merged(one, two)) == merged(one, two)


@given(knowledge, knowledge)
def test_extent_of_merged_knowledge_is_at_least_that_of_its_parts(
    one: MenuTimes | None, two: MenuTimes | None
) -> None:
    both = merged(one, two) or NO_MENUS
    assert both.extent >= max((one or NO_MENUS).extent, (two or NO_MENUS).extent)


@pytest.mark.parametrize(
    ("menus", "waits_since"),
    [
        (MenuTimes(entered_at=5, first_rang_at=9, rang_at=12), 9),
        (MenuTimes(entered_at=10, left_at=4, first_rang_at=6, rang_at=12), 12),
        (MenuTimes(entered_at=5, left_at=7, first_rang_at=9, rang_at=9), 7),
        (MenuTimes(first_rang_at=9, rang_at=9), 0),
        (MenuTimes(entered_at=5, left_at=5, ai_left_at=5, ai_agent=True), 5),
    ],
)
def test_wait_begins_at_the_choice_or_at_a_ring_after_a_lost_end(menus: MenuTimes, waits_since: int) -> None:
    assert menus.waits_since == waits_since
    assert menus.waits


def decoded(**fields: Any) -> CallWithDetails:
    """Return a waiting call with further fields, as Aircall sends it."""
    sent = {"id": 1, "direction": "inbound", "status": "initial", "started_at": START} | fields
    (read,) = decode_call_items([msgspec.Raw(msgspec.json.encode(sent))]).items
    return read


def option(started: object, ended: object) -> dict[str, object]:
    return {"title": "Sales", "key": "1", "transition_started_at": started, "transition_ended_at": ended}


def test_timeline_in_iso_and_unix_times_gives_the_latest_end() -> None:
    first = option("2026-05-28T20:26:40.000Z", "2026-05-28T20:26:47.000Z")
    read = decoded(ivr_options_selected=[first, option(START + 7, START + 12)])
    assert read.has_timeline
    assert read.call.menus == MenuTimes(left_at=START + 12)
    assert read.call.left_menu_at == read.call.waits_since == START + 12


def test_timeline_with_an_option_that_goes_on_is_a_menu() -> None:
    menus = decoded(ivr_options_selected=[option(START, START + 7), option(START + 7, None)]).call.menus
    assert menus is not None
    assert menus.in_menu


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"ivr_options_selected": None},
        {"ivr_options_selected": "none"},
        {"ivr_options_selected": [None, 1, "x", {}, option("soon", []), option(-5, 10**12)]},
        {"ivr_options_selected": [option(START - 10**8, START + 10**9)]},
        {"ai_voice_agents": []},
        {"ai_voice_agents": 7},
    ],
)
def test_odd_timeline_says_nothing(fields: dict[str, object]) -> None:
    read = decoded(**fields)
    assert read.call.menus is None
    assert read.call.waits_since == START
    assert read.has_timeline == (isinstance(fields.get("ivr_options_selected"), list))


anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.builds(option, anything, anything) | anything, max_size=4), anything, st.integers(0, 90))
def test_any_timeline_leaves_waits_within_the_call(options: list[Any], agents: Any, rings: int) -> None:
    sent = {"answered_at": START + rings, "status": "answered", "user": {"id": 1}}
    call = decoded(ivr_options_selected=options, ai_voice_agents=agents, **sent).call
    assert START <= call.waits_since <= START + rings
    assert 0 <= call.time_to_answer <= rings


def test_outbound_call_has_no_menu() -> None:
    read = decoded(direction="outbound", ivr_options_selected=[option(START, START + 7)])
    assert read.call.menus is None


@pytest.mark.parametrize(
    ("answered_at", "ended_at", "reason", "waits_since"),
    [
        (None, None, None, START + 8),
        (START + 20, START + 30, None, START + 8),
        (START + 5, START + 30, None, START + 5),
        (None, START + 6, "abandoned_in_classic", START + 6),
        (START - 3, None, None, START),
    ],
)
def test_wait_begins_neither_before_the_start_nor_after_the_answer_or_end(
    answered_at: int | None, ended_at: int | None, reason: str | None, waits_since: int
) -> None:
    call = Call(1, "inbound", "", START, answered_at, ended_at, reason, menus=MenuTimes(left_at=START + 8))
    assert call.waits_since == waits_since


@pytest.mark.parametrize(
    ("menus", "has_menu", "age", "expected"),
    [
        (None, False, 10, "unknown"),
        (None, True, 10, "menu"),
        (None, True, FIRST_MENU_S, "unknown"),
        (MenuTimes(entered_at=START), False, 10, "menu"),
        (MenuTimes(entered_at=START), False, MAX_MENU_S - 1, "menu"),
        (MenuTimes(entered_at=START), True, MAX_MENU_S, "unknown"),
        (MenuTimes(entered_at=START, left_at=START + 5), True, 10, "ringing"),
        (MenuTimes(entered_at=START + 9, left_at=START + 5), False, 10, "menu"),
        (MenuTimes(entered_at=START, rang_at=START + 5), True, 10, "ringing"),
        (MenuTimes(rang_at=START + 5), True, 10, "ringing"),
        (MenuTimes(ai_agent=True), False, 10, "unknown"),
        (MenuTimes(entered_at=START, left_at=START, ai_left_at=START), True, 10, "ringing"),
        (MenuTimes(entered_at=START, left_at=START), True, 10, "menu"),
    ],
)
def test_stage_of_a_waiting_call(menus: MenuTimes | None, has_menu: bool, age: float, expected: str) -> None:
    call = Call(1, "inbound", "initial", START, menus=menus)
    assert stage_of(call, has_menu, START + age) == expected
