"""Colours and limits on dashboards follow the thresholds of the exporter's configuration."""

from collections import Counter
from math import floor

import pytest

from exporter.simulator.models import SimulatedCall
from grafana.boards import palette
from harness import recount
from harness.dashboards import panel
from tests.support.companies import settled
from tests.support.past import Past
from tests.support.prometheus_history import Company

COLOURS = {None: palette.CALM, 0: palette.GREEN, 1: palette.YELLOW, 2: palette.BRIGHT_RED}


def on_a_number(calls: list[SimulatedCall]) -> list[SimulatedCall]:
    return [call for call in calls if call.direction == "inbound" and call.number is not None]


def missed_level(calls: list[SimulatedCall], threshold: float) -> int | None:
    """Return the level of the missed share: 1 above the threshold, 2 also above half of the calls."""
    offered = [call for call in calls if call.missed_call_reason != "out_of_opening_hours"]
    if not offered:
        return None
    share = recount.count(offered, "inbound", "missed") / len(offered)
    return (share > threshold) + (share > max(threshold, 0.5))


def service_level(calls: list[SimulatedCall], threshold: float) -> int | None:
    """Return the level of the service level: 1 below the threshold, 2 below three quarters of it."""
    share = recount.service_level(calls, recount.count(calls, "inbound", "missed"))
    return None if share is None else sum(round(100 * share) < part * threshold for part in (100, 75))


@pytest.mark.parametrize("uid", ["aircall-wallboard", "aircall-numbers"])
def test_wallboard_colours_follow_the_configured_thresholds(past: Past, uid: str) -> None:
    thresholds, target = past.busy.settings["thresholds"], past.busy.settings["service_level"].target
    shown_levels = set()
    for now in settled(past.busy):
        calls = on_a_number(recount.in_period(past.busy.account, now))
        tiles = past.view(past.busy, now - recount.PERIOD, now).tiles(
            panel(uid, "Inbound calls, activity period")
        )
        for caption, level in (
            ("Missed", missed_level(calls, thresholds.missed_rate)),
            ("Service level", service_level(calls, target)),
        ):
            assert tiles[caption][1] == COLOURS[level], (caption, now)
            shown_levels.add((caption, level))
    assert {("Missed", 0), ("Missed", 1), ("Service level", 0), ("Service level", 1)} <= shown_levels


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


def test_wallboard_names_the_slowest_users_over_the_sla(past: Past) -> None:
    shown_names: set[str] = set()
    for now in settled(past.busy):
        slow = over_the_sla(past.busy, now)
        shown = past.view(past.busy, now - recount.PERIOD, now).tiles(
            panel("aircall-wallboard", "Over the SLA")
        )
        if not slow:
            assert list(shown) == ["All users are within the SLA"]
            continue
        named = {caption.strip("\u2068\u2069"): words for caption, (words, _) in shown.items()}
        assert named == {name: f"‼ ⌀ {slow[name]} s" for name in named}
        assert sorted(map(slow.__getitem__, named)) == sorted(slow.values())[-4:]
        shown_names |= named.keys()
    assert any(name[-1].isdigit() for name in shown_names)


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
