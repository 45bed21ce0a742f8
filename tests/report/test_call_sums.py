"""Test the sums of a report over calls whose figures are known."""

import pytest

from exporter.account.kpi_rules import ServiceRule
from exporter.aircall.models import Call, Ref
from exporter.archive.reported_calls import ReportedCall
from exporter.report.call_sums import Sums, TooManyGroupsError, add_up

RULE = ServiceRule(within=20, ignore_abandoned_within=5, ignore_reasons=frozenset({"out_of_opening_hours"}))
BEGIN = 1_780_000_000


class ByNumber:
    def group_of(self, reported: ReportedCall, /) -> str | None:
        return str(reported.call.number.id) if reported.call.number else None

    def rule_of(self, _: ReportedCall, /) -> ServiceRule:
        return RULE


def inbound(start: int, wait: int, talk: int | None = None, reason: str | None = None) -> Call:
    answered = None if talk is None else start + wait
    ended = start + wait + (talk or 0)
    return Call(start, "inbound", "done", start, answered, ended, reason, number=Ref(1))


def outbound(start: int, talk: int | None) -> Call:
    answered = None if talk is None else start + 10
    return Call(start, "outbound", "done", start, answered, start + 10 + (talk or 0), number=Ref(1))


CALLS = [
    inbound(BEGIN + 1, 10, 100),
    inbound(BEGIN + 2, 40, 50),
    inbound(BEGIN + 3, 3, reason="short_abandoned"),
    inbound(BEGIN + 4, 60, reason="abandoned_in_classic"),
    inbound(BEGIN + 5, 90, reason="out_of_opening_hours"),
    inbound(BEGIN + 6, 30, reason="no_available_agent"),
    outbound(BEGIN + 7, 200),
    outbound(BEGIN + 8, None),
]


def sums_of(*calls: Call) -> Sums:
    return add_up([ReportedCall(call, "") for call in calls], [BEGIN], ByNumber(), 1)["1"][0]


def test_sums_of_calls_are_those_of_the_rule() -> None:
    sums = sums_of(*CALLS)
    level = sums.inbound
    assert (level.offered, level.answered, level.missed, level.abandoned) == (4, 2, 2, 1)
    assert sums.tally.inbound_answered + sums.tally.inbound_missed == 6
    assert (level.service_level, level.average_abandon, sums.tally.average_answer) == (1 / 4, 60, 25)
    assert sums.longest_wait == 60
    assert (sums.average_handle, sums.talk_seconds) == (75, 350)
    assert (sums.tally.outbound_answered, sums.tally.outbound_unanswered) == (1, 1)


def test_sums_without_calls_have_no_averages() -> None:
    for sums in (Sums(), sums_of(outbound(BEGIN, None))):
        level = sums.inbound
        averages = (level.service_level, level.average_abandon, sums.tally.average_answer)
        assert (*averages, sums.average_handle, sums.longest_wait) == (None,) * 5
        assert sums.average_after_call_work is None
    assert sums_of(inbound(BEGIN, 90, reason="out_of_opening_hours")).longest_wait is None


def test_average_handle_time_has_the_known_after_call_work() -> None:
    answered = [call for call in CALLS[:2] for _ in range(2)]
    reported = [
        ReportedCall(call, "", after_call_work=work)
        for call, work in zip([*answered, *CALLS[2:]], [30, None, 0, None, 7, 7, 7, 7, 7, 7], strict=True)
    ]
    sums = add_up(reported, [BEGIN], ByNumber(), 1)["1"][0]
    assert sums.average_after_call_work == 15
    assert sums.average_handle == (100 + 100 + 50 + 50 + 30) / 4


def test_calls_are_added_up_in_the_interval_in_which_they_started() -> None:
    calls = [ReportedCall(call, "") for call in CALLS]
    found = add_up(calls, [BEGIN, BEGIN + 3, BEGIN + 7, BEGIN + 100], ByNumber(), 4)
    finished = {position: sums.tally.finished for position, sums in found["1"].items()}
    assert finished == {0: 2, 1: 4, 2: 2}


def test_more_rows_than_allowed_are_rejected_with_the_number_of_groups() -> None:
    calls = [
        ReportedCall(Call(n, "outbound", "done", BEGIN, None, BEGIN + 1, number=Ref(n)), "") for n in range(7)
    ]
    assert len(add_up(calls, [BEGIN, BEGIN + 1], ByNumber(), 14)) == 7
    with pytest.raises(TooManyGroupsError) as raised:
        add_up(calls, [BEGIN, BEGIN + 1], ByNumber(), 13)
    assert raised.value.groups == 7
