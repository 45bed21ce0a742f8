"""Colours and limits on dashboards follow the thresholds of the exporter's configuration."""

from collections import Counter
from math import floor, nan

import pytest
from pytest import approx

from harness import recount
from harness.dashboards import panel, rows_panel
from tests.support.companies import settled
from tests.support.past import Past
from tests.support.prometheus_history import Company


@pytest.mark.parametrize("uid", ["aircall-wallboard", "aircall-numbers"])
def test_wallboard_tiles_equal_the_calls_of_the_period(past: Past, uid: str) -> None:
    for now in settled(past.busy):
        calls = [
            call
            for call in recount.in_period(past.busy.account, now)
            if call.direction == "inbound" and call.number is not None
        ]
        missed = recount.count(calls, "inbound", "missed")
        gave_up = recount.shares(calls, recount.missed(calls), recount.DEFAULT)[1]
        expected = {
            "Gave up": gave_up,
            "Answered": recount.count(calls, "inbound", "answered"),
            "Missed": missed,
            "Answer, s": recount.average_answer(calls),
            "Service": recount.service_level(calls, recount.missed(calls)),
        }
        tiles = past.view(past.busy, now - recount.PERIOD, now).tiles(
            panel(uid, "Inbound calls of the last minutes")
        )
        for title, value in expected.items():
            found = tiles.get(title, ("NaN", None))[0]
            assert float(found) == approx(value if value is not None else nan, rel=1e-4, nan_ok=True), (
                title,
                now,
            )


def over_the_sla(company: Company, now: int) -> dict[str, int]:
    """Return the time to answer (whole seconds) of each user who is too slow, by unique name."""
    calls, names = (
        recount.in_period(company.account, now),
        Counter(u.name for u in company.account.users.values()),
    )
    slow = {}
    for user in company.account.users.values():
        average = recount.average_answer(call for call in calls if call.user_id == user.id)
        if average is not None and average > company.settings["sla"]:
            slow[f"{user.name} {user.id}" if names[user.name] > 1 else user.name] = floor(average + 0.5)
    return slow


def test_wallboard_marks_exactly_the_users_over_the_sla(past: Past) -> None:
    marked_names: set[str] = set()
    for now in settled(past.busy):
        view = past.view(past.busy, now - recount.PERIOD, now)
        slow = over_the_sla(past.busy, now)
        users = [row for row in view.rows(rows_panel("aircall-wallboard")) if "user_id" in row]
        marked = {row["display_name"]: row["Value #answer"] for row in users if row["Value #sla"] == 2}
        assert {name: floor(float(answer) + 0.5) for name, answer in marked.items()} == slow
        marked_names |= {str(name) for name in marked}
    assert any(name[-1].isdigit() for name in marked_names)


@pytest.mark.parametrize(
    ("uid", "title", "legend", "limit"),
    [
        ("aircall-teams", "Service level by team", "service level threshold", 0.5),
        ("aircall-queue", "Service level by number", "service level threshold", 0.5),
        ("aircall-teams", "Time to answer by team", "SLA limit", 8),
    ],
)
def test_panel_with_a_limit_shows_a_dashed_line(
    past: Past, uid: str, title: str, legend: str, limit: float
) -> None:
    shown = panel(uid, title)
    end = past.busy.scrapes[-1]
    assert set(past.view(past.busy, end - 900, end).lines(shown, 60)[legend].values()) == {limit}
    without = past.view(past.days, past.days.scrapes[0], past.days.scrapes[-1]).lines(shown, 3600)
    assert (legend in without) is (legend != "SLA limit")
    (dashed,) = (
        override["matcher"]["options"]
        for override in shown.model["fieldConfig"]["overrides"]
        if override["matcher"]["id"] == "byRegexp"
    )
    assert any(word in legend for word in dashed.strip("/").split("|"))
