"""Tests of impossible times of calls: only these times are left out, and all sums are bounded."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.account.board import NumberRow, TeamRow, UserRow
from exporter.account.call_versions import completed
from exporter.account.current_board import current_board
from exporter.aircall.call_decoding import decode_calls
from exporter.aircall.call_times import CLOCK_DIFFERENCE_S, MAX_CALL_S
from exporter.aircall.events import Event
from exporter.aircall.models import CallWithDetails
from exporter.aircall.times import MAX_DURATION_S
from tests.support.account_changes import START, Counting, saved
from tests.support.call_lives import END, company

DONE = {"status": "done", "started_at": START, "answered_at": START + 20, "ended_at": START + 80}
IMPOSSIBLE = [0, -1, 99_999_999_999, 10**11, 10**30, 1.5, "soon", [], START + MAX_CALL_S + 1, START - 61]


def decoded(**fields: Any) -> CallWithDetails:
    call = {"id": 1, "direction": "inbound", "user": {"id": 1}, "number": {"id": 1}} | DONE | fields
    page = decode_calls(json.dumps({"calls": [call]}).encode())
    assert page.malformed == 0
    return page.items[0]


def times(call: CallWithDetails) -> tuple[int | None, int | None]:
    return call.call.answered_at, call.call.ended_at


@pytest.mark.parametrize("time", IMPOSSIBLE)
def test_call_times_impossible_end_is_unread(time: Any) -> None:
    found = decoded(ended_at=time)
    assert (times(found), found.unread) == ((START + 20, None), frozenset({"ended_at"}))
    assert found.call.phase == "done"
    assert decoded(ended_at=time, status="answered").call.phase == "answered"


@pytest.mark.parametrize("time", IMPOSSIBLE)
def test_call_times_impossible_answer_is_unread_and_keeps_the_outcome(time: Any) -> None:
    found = decoded(answered_at=time)
    assert (times(found), found.unread) == ((START, START + 80), frozenset({"answered_at"}))
    assert found.call.outcome == "answered"
    assert decoded(answered_at=time, missed_call_reason="no_available_agent").call.outcome == "missed"
    assert decoded(answered_at=time, ended_at=None, status="initial").call.waiting


def test_call_times_answer_after_the_end_is_unread() -> None:
    assert times(decoded(answered_at=START + 80 + CLOCK_DIFFERENCE_S + 1)) == (START, START + 80)


@pytest.mark.parametrize(
    "change", [{"answered_at": START - 60}, {"answered_at": START + 140}, {"ended_at": START}]
)
def test_call_times_wrong_order_by_a_clock_difference_are_kept(change: dict[str, int]) -> None:
    found = decoded(**change)
    assert (times(found), found.unread) == (
        tuple((DONE | change)[name] for name in ("answered_at", "ended_at")),
        frozenset(),
    )


def test_completed_impossible_time_keeps_the_earlier_one() -> None:
    known = decoded(ended_at=None, status="answered").call
    assert completed(decoded(answered_at=0), known).answered_at == START + 20
    assert completed(decoded(ended_at=0), decoded().call).ended_at == START + 80
    moved = completed(decoded(answered_at=START, ended_at=None, started_at=0), known)
    assert (moved.started_at, moved.answered_at) == (0, 0)


seconds = st.sampled_from([0, -90, 30, MAX_DURATION_S + 90, MAX_CALL_S, MAX_CALL_S + 90]).map(
    lambda wait: START + wait
)
anytime = st.none() | st.integers(START - 900, END) | seconds | st.integers(0, 10**11 - 1)
versions = st.fixed_dictionaries(
    {
        "id": st.integers(1, 3),
        "direction": st.sampled_from(["inbound", "outbound"]),
        "status": st.sampled_from(["initial", "answered", "done"]),
        "started_at": anytime.filter(lambda time: time is not None),
        "answered_at": anytime,
        "ended_at": anytime,
    }
)
names = st.none() | st.sampled_from(["call.created", "call.ringing_on_agent", "call.hold", "call.unhold"])


@given(st.lists(st.tuples(versions, names, st.integers(START, END) | anytime), max_size=8))
def test_totals_calls_with_any_times_add_at_most_the_longest_call(
    found: list[tuple[dict[str, Any], str | None, int | None]],
) -> None:
    account, processor = company()
    for fields, name, at in found:
        call = decoded(**fields)
        if name is not None and at is not None:
            processor.apply(Event(name, at, call=call), END)
        else:
            page = decode_calls(
                json.dumps({"calls": [{"number": {"id": 1}, "user": {"id": 1}} | fields]}).encode()
            )
            account.apply_call_page(page, END)
    for later in (0, 120, 10_000):
        account.advance_to(END + later)
        assert isinstance(account, Counting)
        saved(account)
        assert_bounded(account)


def assert_bounded(account: Counting) -> None:
    totals = account.archived | account.event_stats.totals
    for key, total in totals.items():
        if key[0].endswith("_sum"):
            count = key[0].removesuffix("_sum") + "_count"
            calls = totals.get((count, *key[1:]), 3)
            assert 0 <= total <= MAX_DURATION_S * max(3, calls), (key, total)
    board = current_board(account, 0.0)
    rows: list[UserRow | NumberRow | TeamRow] = [*board.users, *board.numbers, *board.teams]
    for row in rows:
        for figures in row.figures.values():
            for average in (figures.average_answer, figures.average_call):
                assert average is None or 0 <= average <= MAX_DURATION_S
