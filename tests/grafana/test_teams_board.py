"""The dashboard of teams and users, compared with the simulated accounts."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from itertools import pairwise

import pytest
from pytest import approx

from exporter.simulator.models import SimulatedCall, SimulatedUser
from grafana.boards.palette import REASONS_AWAY, STATE_CODES
from harness import recount
from harness.dashboards import panel
from tests.support import companies
from tests.support.board_view import View
from tests.support.companies import counted_whole, ended, settled, teams, whole
from tests.support.past import Past
from tests.support.prometheus_history import Company

UID = "aircall-teams"
SIGNED_IN = ("available", "in_call", "after_call_work", "do_not_disturb")
SLA = 8


def shown_name(company: Company, user: SimulatedUser) -> str:
    """Return the user's name, with the id if several users have the name."""
    namesakes = Counter(each.name for each in company.account.users.values())
    return f"{user.name} {user.id}" if namesakes[user.name] > 1 else user.name


def of(calls: Iterable[SimulatedCall], members: set[int], company: Company) -> list[SimulatedCall]:
    """Return the calls in which the members took part, or that were missed on one of their numbers."""
    answered = {number.id for number in company.account.numbers.values() if number.user_ids & members}
    return [
        call
        for call in calls
        if call.user_id in members or (call.missed_call_reason is not None and call.number_id in answered)
    ]


@pytest.mark.parametrize("team", ["Support", "Single Users", "By number", "All"])
def test_calls_panel_counts_each_call_once(past: Past, team: str) -> None:
    members = teams(past.busy)
    chosen = members[team] if team != "All" else set().union(*members.values())
    bars = past.bars(past.busy, panel(UID, "Calls over time"), team=team)
    kinds = {"inbound answered", "inbound missed", "outbound answered", "outbound unanswered"}
    assert len(bars) > 2
    assert set(bars) <= kinds
    for title in kinds:
        name = "outbound" if title == "outbound answered" else title.split()[1]
        calls = of(past.busy.account.calls.values(), chosen, past.busy)
        moments = [call.ended_at for call in calls if call.ended_at and recount.kind(call) == name]
        counted_whole(bars[title], moments, past.busy.late)


def test_last_hour_panel_shows_the_same_hour_a_day_earlier(past: Past) -> None:
    begin = companies.TODAY - 4 * companies.HOUR
    view = past.view(past.days, begin, companies.TODAY, compare="1d")
    lines = view.lines(panel(UID, "Calls in the last hour, and $compare earlier"), companies.HOUR)
    for team, members in teams(past.days).items():
        for name, ago in ((team, 0), (f"{team} 1d earlier", 24 * companies.HOUR)):
            for at, count in lines[name].items():
                calls = ended(past.days, at - ago - companies.HOUR, at - ago)
                assert count == len(of(calls, members, past.days)), (name, at)
    assert len(lines) == 2 * len(teams(past.days))
    assert any(lines[team] != lines[f"{team} 1d earlier"] for team in teams(past.days))


Kpi = Callable[[list[SimulatedCall], set[int], Company], float | None]


def answer(calls: list[SimulatedCall], members: set[int], _: Company) -> float | None:
    return recount.average_answer([call for call in calls if call.user_id in members])


def service_level(calls: list[SimulatedCall], members: set[int], company: Company) -> float | None:
    own = of(calls, members, company)
    return recount.service_level(own, recount.missed(own))


def within_sla(calls: list[SimulatedCall], members: set[int], _: Company) -> float | None:
    averages = [recount.average_answer([call for call in calls if call.user_id == user]) for user in members]
    return sum((average or 0) <= SLA for average in averages) / len(members) if members else None


@pytest.mark.parametrize(
    ("title", "kpi"),
    [
        ("Time to answer by team", answer),
        ("Users within the SLA", within_sla),
        ("Service level by team", service_level),
    ],
)
def test_kpi_panel_covers_the_activity_period_before_each_point(past: Past, title: str, kpi: Kpi) -> None:
    moments = settled(past.busy)
    assert len(moments) > 10
    lines = past.view(past.busy, moments[0], moments[-1]).lines(panel(UID, title), 20)
    for team, members in teams(past.busy).items():
        for now in moments:
            expected = kpi(recount.in_period(past.busy.account, now), members, past.busy)
            assert lines.get(team, {}).get(now) == approximately(expected), (team, now)


def test_calls_of_each_user_panel_equals_the_calls_of_the_account(past: Past) -> None:
    view = past.view(past.busy, *whole(past.busy))
    shown = view.parts(panel(UID, "Calls of each user"))
    words = {
        "answered": "inbound answered",
        "outbound": "outbound answered",
        "unanswered": "outbound unanswered",
    }
    for user in past.busy.account.users.values():
        own = Counter(
            recount.kind(call) for call in ended(past.busy, view.begin, view.end) if call.user_id == user.id
        )
        for name, word in words.items():
            assert shown.get((shown_name(past.busy, user), word), 0) == own[name]


def test_ring_attempts_panel_equals_the_rings_of_the_account(past: Past) -> None:
    company = past.reported
    view = past.view(company, company.scrapes[0], company.scrapes[-1])
    shown = view.parts(panel(UID, "Ring attempts"))
    attempts = past.rings.attempts()
    assert {result for _, result in attempts} == {"answered", "declined", "missed"}
    for user in company.account.users.values():
        for result in ("answered", "declined", "missed"):
            assert shown.get((shown_name(company, user), result), 0) == attempts.get((user.id, result), 0)


def test_table_of_users_equals_the_calls_and_states_of_each_user(past: Past) -> None:
    view = past.view(past.busy, *whole(past.busy))
    table = view.table(panel(UID, "Users in this time range"), "display_name")
    spent = time_in_states(past.busy, view)
    for user in past.busy.account.users.values():
        calls = [call for call in ended(past.busy, view.begin, view.end) if call.user_id == user.id]
        talks = [
            call.ended_at - call.answered_at
            for call in calls
            if call.answered_at is not None and call.ended_at is not None
        ]
        row = {column: values.get(shown_name(past.busy, user)) for column, values in table.items()}
        assert row["Answered"] == recount.count(calls, "inbound", "answered")
        assert row["Outbound"] == sum(call.direction == "outbound" for call in calls)
        assert row["Time to answer"] == approximately(recount.average_answer(calls))
        # `increase` extrapolates from the first and last scrape to the ends of the time range.
        assert row["Call length"] == (approx(sum(talks) / len(talks), rel=1e-3) if talks else None)
        assert row["Talking"] == approx(sum(talks), rel=2 * past.busy.every / (view.end - view.begin))
        signed_in = sum(spent[user.id][state] for state in SIGNED_IN)
        assert row["Not offline"] == approx(signed_in, abs=2 * past.busy.late)
        handling = spent[user.id]["in_call"] + spent[user.id]["after_call_work"]
        ready = handling + spent[user.id]["available"]
        expected = handling / ready if ready else None
        assert row["Occupancy"] == (None if expected is None else approx(expected, abs=0.02))


def approximately(value: float | None) -> object:
    return None if value is None else approx(value)


def time_in_states(company: Company, view: View) -> dict[int, dict[str, float]]:
    """Return the seconds of each user in each state. A state lasts until the next request."""
    spent: dict[int, dict[str, float]] = {user: defaultdict(float) for user in company.account.users}
    for run in company.states:
        for (since, states), (until, _) in pairwise(run):
            seconds = max(0.0, min(until, view.end) - max(since, view.begin))
            for user, state in states.items():
                spent[user][state] += seconds
    return spent


def test_time_in_states_panel_equals_the_availabilities_at_aircall(past: Past) -> None:
    view = past.view(past.busy, *whole(past.busy))
    shown = view.parts(panel(UID, "Time in each state"))
    spent = time_in_states(past.busy, view)
    assert {state for states in spent.values() for state in states} == {*SIGNED_IN, "offline"}
    for user in past.busy.account.users.values():
        for state in (*SIGNED_IN, "offline"):
            hours = shown[shown_name(past.busy, user), state]
            assert hours * 3600 == approx(spent[user.id][state], abs=past.busy.late), (user.name, state)


def test_do_not_disturb_by_reason_panel_adds_up_to_the_time_of_each_team(past: Past) -> None:
    view = past.view(past.busy, *whole(past.busy))
    shown: dict[str, dict[str, float]] = defaultdict(dict)
    for (team, reason), hours in view.parts(panel(UID, "Do not disturb by reason")).items():
        shown[team][reason] = hours * 3600
    spent = time_in_states(past.busy, view)
    for team, members in teams(past.busy).items():
        expected = sum(spent[user]["do_not_disturb"] for user in members)
        # Each pause may begin or end between two polls, and `increase` misses the first value of a series.
        missing = sum(bool(spent[user]["do_not_disturb"]) for user in members) * 12 * past.busy.late
        assert expected - missing <= sum(shown[team].values()) <= expected + missing, team
    reasons = {reason for parts in shown.values() for reason in parts}
    assert reasons & {"on_a_break", "out_for_lunch", "in_training", "back_office", "other"}
    assert reasons <= {style.code for style in REASONS_AWAY}


def test_states_panel_shows_the_availability_at_each_point(past: Past) -> None:
    begin, end = whole(past.busy)
    lines = past.view(past.busy, begin, end).lines(panel(UID, "States of users"), 20)
    states_at = [each for run in past.busy.states for each in run]
    for now in lines[next(iter(lines))]:
        scrape = max(at for at in past.busy.scrapes if at <= now)
        _, states = max((each for each in states_at if each[0] <= scrape), key=lambda each: each[0])
        for user in past.busy.account.users.values():
            assert STATE_CODES[int(lines[shown_name(past.busy, user)][now])] == states[user.id]
    assert len(lines) == len(past.busy.account.users)
