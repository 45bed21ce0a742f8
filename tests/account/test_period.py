"""Tests of the sums over the activity period."""

from hypothesis import given
from hypothesis import strategies as st

from exporter.account.period import Period, Tally
from exporter.aircall.models import Call, Ref

START = 1_780_000_000
IN_TIME = 20


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """Draw a finished call. There are few ids, so that calls are also changed."""
    started_at = START + draw(st.integers(0, 100))
    answered_at = draw(st.none() | st.integers(0, 40).map(lambda wait: started_at + wait))
    return Call(
        id=draw(st.integers(1, 8)),
        direction=draw(st.sampled_from(["inbound", "outbound"])),
        status="done",
        started_at=started_at,
        answered_at=answered_at,
        ended_at=(answered_at or started_at) + draw(st.integers(0, 500)),
        missed_call_reason=None if answered_at else draw(st.sampled_from([None, "abandoned_in_ivr"])),
        user=draw(st.none() | st.integers(1, 2).map(Ref)),
        number=draw(st.none() | st.integers(1, 2).map(Ref)),
    )


def counted(period: Period) -> dict[str, object]:
    """Return the sums without empty entries."""
    return {
        "users": {id_: tally for id_, tally in period.users.items() if tally != Tally()},
        "numbers": {id_: tally for id_, tally in period.numbers.items() if tally != Tally()},
        "reasons": {
            id_: {reason: n for reason, n in reasons.items() if n}
            for id_, reasons in period.reasons.items()
            if any(reasons.values())
        },
    }


@given(st.lists(calls() | st.integers(0, 120).map(lambda age: START + age)))
def test_period_after_changes_and_slides_equals_recount(events: list[Call | int]) -> None:
    period, current = Period(IN_TIME), {}
    for event in events:
        if isinstance(event, Call):
            period.put(event)
            current[event.id] = event
        else:
            period.slide(event)
            current = {id_: call for id_, call in current.items() if call.started_at >= event}
    rebuilt = Period(IN_TIME)
    for call in current.values():
        rebuilt.put(call)
    assert counted(period) == counted(rebuilt)
    assert len(period) == len(current)


def test_tally_answer_at_threshold_is_in_time() -> None:
    period = Period(IN_TIME)
    for wait in (19, 20, 21):
        period.put(Call(wait, "inbound", "done", START, START + wait, START + 60, number=Ref(1)))
    assert period.numbers[1].service_level(missed=1) == 2 / 4


def test_tally_without_calls_averages_are_none() -> None:
    assert Tally().average_answer is None
    assert Tally().average_call is None
    assert Tally().service_level(0) is None
