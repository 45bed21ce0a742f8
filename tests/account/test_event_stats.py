"""Tests of the totals that only events supply: ring attempts, holds and time in the queue."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from exporter.account.counter_totals import Key
from exporter.account.event_stats import EVENT_GRACE_S
from exporter.aircall.models import Call, Ref
from tests.support.account_changes import START
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


def totals_after(arriving: Sequence[Moment]) -> dict[Key, int]:
    """Return the totals of events and the ring attempts after events have arrived late, in this order."""
    account, processor = company()
    arrival = START + 120 + EVENT_GRACE_S - 1
    account.advance_to(arrival)
    for moment in arriving:
        processor.apply(moment.event, arrival)
        account.advance_to(arrival)
    account.advance_to(arrival + EVENT_GRACE_S)
    found = dict(account.event_stats.totals)
    for addition in account.ledger.take_batch(account.coverage, teams_known=False).counted_calls:
        if addition.stage == "ring_attempts":
            found |= dict(addition.increments)
    return found


@given(st.permutations(LIFE))
def test_event_stats_of_a_call_whose_end_comes_late_are_the_same_in_any_order(arriving: list[Moment]) -> None:
    expected = totals_after(LIFE)
    assert expected["ring_attempts", "2", "answered"] == expected["ring_attempts", "1", "declined"] == 1
    assert expected["hold_sum", "2"] == 10
    assert totals_after(arriving) == expected
