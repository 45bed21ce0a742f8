"""Tests of the sums over the activity period."""

from hypothesis import given
from hypothesis import strategies as st

from exporter.account.kpi_rules import ServiceRule
from exporter.account.period import InboundTally, Period, Tally
from exporter.aircall.models import Call, Ref

REASONS = (None, "abandoned_in_ivr", "short_abandoned", "out_of_opening_hours", "no_available_agent")
START = 1_780_000_000
RULES = (
    ServiceRule(20, 0, frozenset()),
    ServiceRule(5, 10, frozenset({"out_of_opening_hours"})),
)


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
        missed_call_reason=None if answered_at else draw(st.sampled_from(REASONS)),
        user=draw(st.none() | st.integers(1, 2).map(Ref)),
        number=draw(st.none() | st.integers(1, 2).map(Ref)),
    )


def counted(period: Period) -> dict[str, object]:
    """Return the sums without empty entries."""
    return {
        "users": {id_: tally for id_, tally in period.users.items() if tally != period.nothing},
        "numbers": {id_: tally for id_, tally in period.numbers.items() if tally != period.nothing},
        "reasons": {
            id_: {reason: n for reason, n in reasons.items() if n}
            for id_, reasons in period.reasons.items()
            if any(reasons.values())
        },
    }


@given(st.lists(calls() | st.integers(0, 120).map(lambda age: START + age)))
def test_period_after_changes_and_slides_equals_recount(events: list[Call | int]) -> None:
    period, begin = Period(RULES), START
    current: dict[int, Call] = {}
    for event in events:
        if isinstance(event, Call) and event.started_at < begin:
            assert period.remove(event.id) == current.pop(event.id, None)
        elif isinstance(event, Call):
            assert period.put(event) == current.get(event.id)
            current[event.id] = event
        else:
            begin = max(begin, event)
            period.slide(event)
            current = {id_: call for id_, call in current.items() if call.started_at >= event}
    rebuilt = Period(RULES)
    for call in current.values():
        rebuilt.put(call)
    assert counted(period) == counted(rebuilt)
    assert len(period) == len(current)


@given(st.lists(calls()))
def test_period_counted_by_other_rules_equals_recount(found: list[Call]) -> None:
    period, rebuilt = Period(RULES[:1]), Period(RULES)
    for call in found:
        period.put(call)
    for call in {call.id: call for call in found}.values():
        rebuilt.put(call)
    assert counted(period.recounted(RULES)) == counted(rebuilt)


def on_number(*calls: tuple[int, str | None], rule: ServiceRule) -> InboundTally:
    """Return the sums over inbound calls, each with its seconds to the answer or end, and its reason."""
    period = Period((rule,))
    for id_, (seconds, reason) in enumerate(calls):
        answered_at = START + seconds if reason is None else None
        ended_at = START + seconds + (60 if reason is None else 0)
        call = Call(id_, "inbound", "done", START, answered_at, ended_at, reason, number=Ref(1))
        period.put(call)
    return period.inbound(period.numbers.get(1, period.nothing), [1, 2], rule)


def test_service_level_answer_at_the_threshold_is_in_time() -> None:
    inbound = on_number((19, None), (20, None), (21, None), (0, "no_available_agent"), rule=RULES[0])
    assert inbound.service_level == 2 / 4
    assert inbound.missed_ratio == 1 / 4


def test_service_level_leaves_out_ignored_reasons_and_calls_abandoned_sooner() -> None:
    calls = (
        *((5, None), (6, None), (9, "short_abandoned"), (10, "abandoned_in_ivr")),
        *((3, "out_of_opening_hours"), (3, "agents_did_not_answer")),
    )
    ignoring = on_number(*calls, rule=RULES[1])
    assert (ignoring.answered, ignoring.missed, ignoring.in_time, ignoring.abandoned) == (2, 2, 1, 1)
    assert (ignoring.abandoned_ratio, ignoring.average_abandon) == (1 / 4, 10)
    counting_all = on_number(*calls, rule=RULES[0])
    assert (counting_all.answered, counting_all.missed, counting_all.abandoned) == (2, 4, 2)
    assert (counting_all.abandoned_ratio, counting_all.average_abandon) == (2 / 6, 9.5)


def test_figures_without_calls_are_none() -> None:
    tally = Tally.empty(1)
    assert (tally.average_answer, tally.average_call) == (None, None)
    inbound = on_number(rule=RULES[0])
    assert (inbound.service_level, inbound.missed_ratio) == (None, None)
    assert (inbound.abandoned_ratio, inbound.average_abandon) == (None, None)
