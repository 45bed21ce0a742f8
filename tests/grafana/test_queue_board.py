"""The dashboard of queue and service level, compared with the simulated accounts."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from pytest import approx

from exporter.simulator.models import SimulatedCall
from harness import recount
from harness.dashboards import panel
from tests.support import companies
from tests.support.companies import counted_whole, ended, settled, whole
from tests.support.past import Past
from tests.support.prometheus_history import Company

UID = "aircall-queue"


def is_inbound(call: SimulatedCall) -> bool:
    return call.direction == "inbound"


def is_on(call: SimulatedCall, name: str) -> bool:
    return name == "All" or (call.number is not None and call.number.name == name)


def finished(company: Company) -> list[tuple[SimulatedCall, int]]:
    """Return the finished inbound calls, and when they ended."""
    calls = company.account.calls.values()
    return [(call, call.ended_at) for call in calls if is_inbound(call) and call.ended_at is not None]


# The counter, and its recording rule.
each_source = pytest.mark.parametrize("calls", ["aircall_calls_total", "number:aircall_calls_total:sum"])


@each_source
@pytest.mark.parametrize("number", ["UK Office", "All"])
def test_calls_panel_counts_each_inbound_call_once(past: Past, number: str, calls: str) -> None:
    bars = past.bars(past.busy, panel(UID, "Inbound calls, answered and missed"), number=number, calls=calls)
    assert set(bars) == {"answered", "missed"}
    for outcome, counts in bars.items():
        own = [each for each in finished(past.busy) if is_on(each[0], number)]
        moments = [ended_at for call, ended_at in own if recount.kind(call) == outcome]
        counted_whole(counts, moments, past.busy.late)


def test_missed_calls_panel_counts_each_call_once_under_its_reason(past: Past) -> None:
    bars = past.bars(past.busy, panel(UID, "Missed calls by reason"))
    reasons = {call.missed_call_reason for call, _ in finished(past.busy)} - {None}
    assert len(reasons) > 2
    assert len(bars) > 2
    assert set(bars) <= reasons
    for reason in reasons:
        moments = [ended_at for call, ended_at in finished(past.busy) if call.missed_call_reason == reason]
        counted_whole(bars[reason or ""], moments, past.busy.late)


def test_time_to_answer_panel_counts_each_call_in_its_buckets(past: Past) -> None:
    buckets = past.bars(past.busy, panel(UID, "Time to answer"))
    waits = [
        (call.answered_at - recount.waits_from(call), ended_at)
        for call, ended_at in finished(past.busy)
        if call.answered_at is not None
    ]
    assert len({bound for bound in buckets if any(wait <= float(bound) for wait, _ in waits)}) > 5
    for bound, counts in buckets.items():
        moments = [ended_at for wait, ended_at in waits if wait <= float(bound)]
        counted_whole(counts, moments, past.busy.late)


def test_longest_wait_panel_shows_the_longest_waiting_caller(past: Past) -> None:
    step = 60
    begin, end = whole(past.busy)
    lines = past.view(past.busy, begin, end).lines(panel(UID, "Longest wait"), step)
    longest = 0.0
    for number in past.busy.account.numbers.values():
        for now, shown in lines[number.name].items():
            scrapes = [at for at in past.busy.scrapes if now - step <= at <= now]
            least, most = 0.0, 0.0
            for call in past.busy.account.calls.values():
                if is_inbound(call) and call.number is number:
                    over = call.answered_at or call.ended_at or end
                    # A call and its end are known from the next poll on.
                    begin_wait = recount.waits_from(call)
                    surely = [at for at in scrapes if begin_wait + past.busy.every + 2 <= at < over]
                    perhaps = [at for at in scrapes if call.started_at <= at < over + past.busy.every + 2]
                    least = max([least, *(at - begin_wait for at in surely)])
                    most = max([most, *(at - call.started_at for at in perhaps)])
            assert least - 1 <= shown <= most + 1, (number.name, now)
            longest = max(longest, shown)
    assert longest > 30
    assert set(lines["warning threshold"].values()) == {10}
    assert set(lines["critical threshold"].values()) == {20}


@each_source
def test_table_of_numbers_equals_the_calls_of_each_number(past: Past, calls: str) -> None:
    view = past.view(past.busy, *whole(past.busy), calls=calls)
    table = view.table(panel(UID, "Numbers in this time range"), "number")
    assert set(table["Offered"]) == {number.name for number in past.busy.account.numbers.values()}
    for number in past.busy.account.numbers.values():
        own = [
            call
            for call in ended(past.busy, view.begin, view.end)
            if is_inbound(call) and call.number is number
        ]
        row = {column: values.get(number.name) for column, values in table.items()}
        missed = recount.count(own, "inbound", "missed")
        assert row["Offered"] == len(own)
        assert row["Answered"] == recount.count(own, "inbound", "answered")
        assert row["Missed"] == missed
        gave_up = [recount.length(call) for call in own if recount.abandoned(call)]
        assert row["Abandoned"] == len(gave_up)
        average = row["Wait of abandoned"]
        assert average == (approx(sum(gave_up) / len(gave_up), rel=1e-3) if gave_up else None)
        answer = recount.average_answer(own)
        assert row["Time to answer"] == (None if answer is None else approx(answer, rel=1e-3))
        assert row["Service level"] == recount.service_level(own, recount.missed(own))


def test_abandonment_panels_cover_the_activity_period_before_each_point(past: Past) -> None:
    moments = settled(past.busy)
    view = past.view(past.busy, moments[0], moments[-1])
    ratios = view.lines(panel(UID, "Abandoned calls by number"), 20)
    waits = view.lines(panel(UID, "Wait of abandoned calls by number"), 20)
    for number in past.busy.account.numbers.values():
        for now in moments:
            calls = [call for call in recount.in_period(past.busy.account, now) if call.number is number]
            _, ratio, wait = recount.shares(calls, recount.missed(calls), recount.DEFAULT)
            assert ratios.get(number.name, {}).get(now) == ratio, (number.name, now)
            assert waits.get(number.name, {}).get(now) == wait, (number.name, now)


def test_service_level_panel_covers_the_activity_period_before_each_point(past: Past) -> None:
    moments = settled(past.busy)
    lines = past.view(past.busy, moments[0], moments[-1]).lines(panel(UID, "Service level by number"), 20)
    for number in past.busy.account.numbers.values():
        for now in moments:
            calls = [call for call in recount.in_period(past.busy.account, now) if call.number is number]
            expected = recount.service_level(calls, recount.missed(calls))
            assert lines.get(number.name, {}).get(now) == expected, (number.name, now)


@pytest.mark.parametrize(("title", "of"), [("Calls by hour of day", "%H"), ("Calls by day of week", "%w %a")])
def test_pattern_panel_adds_up_hours_of_the_same_name(past: Past, title: str, of: str) -> None:
    def name(at: float) -> str:
        return datetime.fromtimestamp(at, UTC).strftime(of)

    begin = companies.TODAY - 28 * companies.HOUR
    pattern = panel(UID, title)
    (time_format,) = (
        t["options"]["outputFormat"] for t in pattern.model["transformations"] if t["id"] == "formatTime"
    )
    assert time_format == {"%H": "HH", "%w %a": "E ddd"}[of]
    shown = {
        outcome: sum_by(name, hours)
        for outcome, hours in past.view(past.days, begin, companies.TODAY)
        .lines(pattern, companies.HOUR)
        .items()
    }
    for outcome, sums in shown.items():
        calls = (
            call for call in ended(past.days, begin, past.days.scrapes[-1]) if recount.kind(call) == outcome
        )
        assert sums == Counter(name(call.ended_at or 0) for call in calls)
    assert set(shown) == {"answered", "missed"}


def sum_by(name: Callable[[float], str], hours: dict[float, float]) -> dict[str, float]:
    """Return the sums of the hours of the same name, without those of 0."""
    sums: dict[str, float] = {}
    for at, count in hours.items():
        sums[name(at)] = sums.get(name(at), 0) + count
    return {name: total for name, total in sums.items() if total}
