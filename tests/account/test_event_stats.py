"""Tests of the totals that only events supply: ring attempts, holds and time in the queue."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from exporter.account import call_events
from exporter.account.counter_totals import Key
from exporter.account.event_processor import EventProcessor
from exporter.account.event_stats import EVENT_GRACE_S
from exporter.aircall.data_limits import MAX_CALL_EVENTS
from exporter.aircall.models import Call, Ref
from tests.support.account_changes import START, Counting
from tests.support.call_lives import Moment, company

RINGING = Call(7, "inbound", "initial", START, number=Ref(1))
TALKING = structs.replace(RINGING, status="answered", answered_at=START + 80, user=Ref(2))
HUNG_UP = structs.replace(TALKING, status="done")
ENDED = structs.replace(HUNG_UP, ended_at=START + 120)

LIFE = [
    Moment(START + 70, "call.ringing_on_agent", structs.replace(RINGING, user=Ref(1))),
    Moment(START + 75, "call.agent_declined", structs.replace(RINGING, user=Ref(1))),
    Moment(START + 75, "call.ringing_on_agent", structs.replace(RINGING, user=Ref(2))),
    Moment(START + 80, "call.answered", TALKING),
    Moment(START + 90, "call.hold", TALKING),
    Moment(START + 100, "call.unhold", TALKING),
    Moment(START + 120, "call.hungup", HUNG_UP),
    Moment(START + 121, "call.ended", ENDED),
]
"""A call that is done before it has an end, with its events."""


def account_after(arriving: Sequence[Moment]) -> Counting:
    """Return an account for which these events arrived in this order, late, before they are added up."""
    account, processor = company()
    arrival = START + 120 + EVENT_GRACE_S - 1
    account.advance_to(arrival)
    for moment in arriving:
        processor.apply(moment.event, arrival)
        account.advance_to(arrival)
    return account


def added_up(account: Counting) -> dict[Key, int]:
    """Add up the calls, and return the totals of events and the ring attempts."""
    account.advance_to(START + 120 + 2 * EVENT_GRACE_S)
    found = dict(account.event_stats.totals)
    for addition in account.ledger.take_batch(account.coverage, teams_known=False).counted_calls:
        if addition.stage == "ring_attempts":
            found |= dict(addition.increments)
    return found


def totals_after(arriving: Sequence[Moment]) -> dict[Key, int]:
    return added_up(account_after(arriving))


@given(st.permutations(LIFE))
def test_event_stats_of_a_call_whose_end_comes_late_are_the_same_in_any_order(arriving: list[Moment]) -> None:
    expected = totals_after(LIFE)
    assert expected["ring_attempts", "2", "answered"] == expected["ring_attempts", "1", "declined"] == 1
    assert expected["hold_sum", "2"] == 10
    assert totals_after(arriving) == expected


@given(
    st.permutations(
        [
            *LIFE,
            Moment(1, "call.answered", structs.replace(TALKING, user=Ref(1))),
            Moment(START - 3600, "call.ringing_on_agent", structs.replace(RINGING, user=Ref(3))),
            Moment(START - 3600, "call.hold", TALKING),
            Moment(START - 3600, "call.unhold", TALKING),
        ]
    )
)
def test_event_stats_event_outside_the_time_of_its_call_adds_nothing(arriving: list[Moment]) -> None:
    assert totals_after(arriving) == totals_after(LIFE)


def rings_of_users(number: int) -> list[Moment]:
    """Return rings of the call on different users, within a minute."""
    return [
        Moment(START + user % 60, "call.ringing_on_agent", structs.replace(RINGING, user=Ref(user)))
        for user in range(1, number + 1)
    ]


def test_event_stats_of_a_call_with_too_many_events_count_the_first_ones() -> None:
    events = rings_of_users(MAX_CALL_EVENTS + 100)
    account = account_after([*events, *events, LIFE[-1]])
    assert account.limits["call_events"] == 201  # the end is beyond the limit, too
    rings = [key for key in added_up(account) if key[0] == "ring_attempts"]
    assert len(rings) == MAX_CALL_EVENTS


def test_event_stats_of_too_many_calls_keep_a_limited_number_of_events(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(call_events, "MAX_EVENTS", 27)
    events = [
        replace(moment, call=structs.replace(moment.call, id=call_id))
        for call_id in (7, 8, 9, 10, 11)
        for moment in LIFE
    ]
    account = account_after(events)
    assert account.limits["events"] == len(events) - 27
    found = added_up(account)
    assert found["hold_sum", "2"] == 30  # of the first three calls
    for moment in LIFE:  # there is room again
        later = structs.replace(moment.call, id=12, started_at=START + 200)
        EventProcessor(account).apply(replace(moment, at=moment.at + 200, call=later).event, START + 300)
    assert account.limits["events"] == len(events) - 27
