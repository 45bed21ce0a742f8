"""Which callers are open, and how call-backs end, from the contacts of one caller."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.account.call_backs import (
    CallBackChanges,
    CallBackRules,
    Contact,
    EndedCallBack,
    OpenMissedCall,
    follow,
)
from exporter.account.open_call_backs import OpenCallBacks

RULES = CallBackRules(after=30, expire=1000, ignore_reasons=())
LATE = 10_000


def missed(call_id: int, started_at: int, *, voicemail: bool = False, result: str | None = None) -> Contact:
    return Contact(call_id, started_at, started_at + 10, "inbound", True, call_id, voicemail, result)


def talked(call_id: int, started_at: int, direction: str = "outbound", result: str | None = None) -> Contact:
    return Contact(call_id, started_at, started_at + 5, direction, False, 7, False, result)


def open_ids(contacts: Iterable[Contact], until: float = 0) -> list[int]:
    return [each.call_id for each in follow(contacts, RULES, until)[1]]


def results(contacts: Iterable[Contact], until: float = 0) -> list[EndedCallBack]:
    return follow(contacts, RULES, until)[0]


@pytest.mark.parametrize(("direction", "result"), [("outbound", "called_back"), ("inbound", "called_again")])
def test_answered_call_ends_the_call_back_on_the_number_of_the_first_missed_call(
    direction: str, result: str
) -> None:
    contacts = [missed(1, 100), missed(2, 200), talked(3, 300, direction)]
    assert results(contacts) == [EndedCallBack(3, 300, result, 1, 305 - 110)]  # type: ignore[arg-type]
    assert open_ids(contacts) == []


def test_call_before_the_missed_call_does_not_end_it() -> None:
    assert open_ids([talked(1, 100), missed(2, 200)]) == [2]


def test_caller_who_is_reached_within_the_delay_is_not_counted() -> None:
    contacts = [missed(1, 100), talked(2, 134)]
    assert results(contacts) == []
    assert open_ids(contacts) == []
    assert len(results([missed(1, 100), talked(2, 135)])) == 1


def test_missed_call_expires_after_the_last_missed_call_does() -> None:
    contacts = [missed(1, 100), missed(2, 900)]
    assert open_ids(contacts, 1099) == [1, 2]
    assert open_ids(contacts, 1100) == [2]
    assert results(contacts, 1899) == []
    assert results(contacts, 1900) == [EndedCallBack(2, 900, "expired", 2, None, is_last=True)]


def test_expired_call_back_that_is_counted_stays_ended_if_more_time_is_allowed() -> None:
    contacts = [missed(1, 100, result="expired"), talked(2, 500)]
    assert results(contacts) == []
    assert open_ids(contacts[:1], 200) == []


def test_counted_answer_is_not_counted_again() -> None:
    assert results([missed(1, 100), talked(2, 500, result="called_back")]) == []


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 3000), st.integers(0, 60)), max_size=12),
    st.integers(0, 5000),
)
def test_follow_any_contacts_equals_the_definition(made: list[tuple[bool, int, int]], until: int) -> None:
    """A missed call is open until a later answer or until it expires. A call-back ends once."""
    contacts = sorted(
        (
            Contact(place, start, start + seconds, "inbound", is_missed, 1, False, None)
            for place, (is_missed, start, seconds) in enumerate(made)
        ),
        key=lambda contact: (contact.started_at, contact.call_id),
    )
    until = max([until, *(contact.started_at for contact in contacts)])
    ended, left = follow(contacts, RULES, until)
    answers = [place for place, contact in enumerate(contacts) if not contact.missed]
    expected = [
        contact.call_id
        for place, contact in enumerate(contacts)
        if contact.missed and place > max(answers, default=-1) and until - contact.started_at < RULES.expire
    ]
    assert [each.call_id for each in left] == expected
    reached = [
        contact.call_id
        for place, contact in enumerate(contacts)
        if not contact.missed
        and (
            before := [
                other
                for other in contacts[max((a for a in answers if a < place), default=-1) + 1 : place]
                if contact.started_at - other.started_at < RULES.expire
            ]
        )
        and contact.at - before[0].at >= RULES.after
    ]
    assert [each.call_id for each in ended if each.result != "expired"] == reached
    for each in ended:
        assert each.seconds is None or each.seconds >= 0
    assert len({each.call_id for each in ended}) == len(ended)


def row(
    call_id: int, caller: int, missed_at: int, *, voicemail: bool = False, number: int = 1
) -> OpenMissedCall:
    return OpenMissedCall(
        call_id, caller, missed_at - 10, missed_at, missed_at + 30, missed_at + 990, number, voicemail, False
    )


def test_callers_are_counted_once_with_the_oldest_call_and_any_voicemail() -> None:
    found = OpenCallBacks()
    rows = (row(1, 2, 100, number=5), row(2, 2, 200, voicemail=True, number=6), row(3, 3, 150, number=5))
    found.apply(CallBackChanges(rows, frozenset(), True), Counter())
    (number,) = found.by_number(400).items()
    assert number[0] == 5
    assert (number[1].open, number[1].oldest_at) == ({True: 1, False: 1}, 100)


def test_caller_is_open_from_the_end_of_the_delay_until_the_last_call_expires() -> None:
    found = OpenCallBacks()
    found.apply(CallBackChanges((row(1, 1, 100),), frozenset(), True), Counter())
    open_at = {now: bool(found.by_number(now)) for now in (129, 130, 1089, 1090)}
    assert open_at == {129: False, 130: True, 1089: True, 1090: False}


def test_changes_replace_rows_and_all_rows_replace_everything() -> None:
    found = OpenCallBacks()
    assert not found.is_known
    found.apply(CallBackChanges((row(1, 1, 100), row(2, 2, 100)), frozenset(), True), Counter())
    found.apply(CallBackChanges((row(3, 3, 100),), frozenset({1}), False), Counter())
    assert sum(found.by_number(200)[1].open.values()) == 2
    found.apply(CallBackChanges((row(4, 4, 100),), frozenset(), True), Counter())
    assert sum(found.by_number(200)[1].open.values()) == 1


def test_anonymous_callers_are_counted_apart() -> None:
    found = OpenCallBacks()
    anonymous = OpenMissedCall(1, 1, 90, 100, 130, 1090, 1, False, True)
    found.apply(CallBackChanges((anonymous,), frozenset(), True), Counter())
    assert (found.by_number(200)[1].open, found.by_number(200)[1].anonymous) == ({}, 1)


def test_missed_calls_beyond_the_limit_are_counted_as_exceeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.account.open_call_backs.MAX_CALL_BACKS", 2)
    found, exceeded = OpenCallBacks(), Counter[Any]()
    rows = tuple(row(call_id, call_id, 100) for call_id in range(1, 6))
    found.apply(CallBackChanges(rows, frozenset(), True), exceeded)
    assert (sum(found.by_number(200)[1].open.values()), exceeded["call_backs"]) == (2, 3)
