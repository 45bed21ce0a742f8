"""Times of calls that cannot be right: each costs itself, and no sum is absurd."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.account.board import NumberRow, TeamRow, UserRow
from exporter.account.call_versions import completed
from exporter.aircall.call_decoding import decode_calls
from exporter.aircall.call_times import CLOCK_DIFFERENCE_S, MAX_CALL_S
from exporter.aircall.events import Event
from exporter.aircall.models import MAX_DURATION_S, CallWithDetails
from tests.support.account_changes import START, Counting, saved
from tests.support.call_lives import END, company

DONE = {"status": "done", "started_at": START, "answered_at": START + 20, "ended_at": START + 80}
IMPOSSIBLE = [0, -1, 99_999_999_999, 10**11, 10**30, 1.5, "soon", [], START + MAX_CALL_S + 1, START - 61]


def read(**fields: Any) -> CallWithDetails:
    call = {"id": 1, "direction": "inbound", "user": {"id": 1}, "number": {"id": 1}} | DONE | fields
    page = decode_calls(json.dumps({"calls": [call]}).encode())
    assert page.malformed == 0
    return page.items[0]


def times(read: CallWithDetails) -> tuple[int | None, int | None]:
    return read.call.answered_at, read.call.ended_at


@pytest.mark.parametrize("time", IMPOSSIBLE)
def test_impossible_end_is_unread(time: Any) -> None:
    found = read(ended_at=time)
    assert (times(found), set(found.unread)) == ((START + 20, None), {"ended_at"})
    assert found.call.phase == "done"
    assert read(ended_at=time, status="answered").call.phase == "answered"


@pytest.mark.parametrize("time", IMPOSSIBLE)
def test_impossible_answer_is_unread_and_the_call_is_answered_all_the_same(time: Any) -> None:
    found = read(answered_at=time)
    assert (times(found), set(found.unread)) == ((START, START + 80), {"answered_at"})
    assert found.call.outcome == "answered"
    assert read(answered_at=time, missed_call_reason="no_available_agent").call.outcome == "missed"
    assert read(answered_at=time, ended_at=None, status="initial").call.waiting


def test_answer_after_the_end_is_unread() -> None:
    assert times(read(answered_at=START + 80 + CLOCK_DIFFERENCE_S + 1)) == (START, START + 80)


@pytest.mark.parametrize(
    "change", [{"answered_at": START - 60}, {"answered_at": START + 140}, {"ended_at": START}]
)
def test_times_in_the_wrong_order_by_a_clock_difference_are_kept(change: dict[str, int]) -> None:
    found = read(**change)
    expected: dict[str, Any] = DONE | change
    assert (times(found), set(found.unread)) == (
        (expected["answered_at"], expected["ended_at"]),
        set(),
    )


def test_impossible_time_keeps_the_one_that_was_read_before() -> None:
    known = read(ended_at=None, status="answered").call
    assert completed(read(answered_at=0), known).answered_at == START + 20
    assert completed(read(ended_at=0), read().call).ended_at == START + 80
    moved = completed(read(answered_at=START, ended_at=None, started_at=0), known)
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
def test_no_call_adds_more_than_the_longest_call_to_any_sum(
    found: list[tuple[dict[str, Any], str | None, int | None]],
) -> None:
    account, told = company()
    for fields, name, at in found:
        call = read(**fields)
        if name is not None and at is not None:
            told.apply(Event(name, at, call=call), END)
        else:
            page = decode_calls(
                json.dumps({"calls": [{"number": {"id": 1}, "user": {"id": 1}} | fields]}).encode()
            )
            account.apply_call_page(page, END)
    for later in (0, 120, 10_000):
        account.advance_to(END + later)
        saved(account)
        assert_bounded(account)


def assert_bounded(account: Counting) -> None:
    totals = account.archived | account.event_stats.totals
    for key, total in totals.items():
        if key[0].endswith("_sum"):
            count = key[0].removesuffix("_sum") + "_count"
            holds = totals.get((count, *key[1:]), 3)
            assert 0 <= total <= MAX_DURATION_S * max(3, holds), (key, total)
    board = account.board(0.0)
    rows: list[UserRow | NumberRow | TeamRow] = [*board.users, *board.numbers, *board.teams]
    for row in rows:
        for average in (row.average_answer, row.average_call):
            assert average is None or 0 <= average <= MAX_DURATION_S
