"""What a board may show while Aircall misbehaves."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from exporter.durations import Duration
from exporter.metrics.sections import SECTIONS
from harness.recount import finished
from harness.scrape import Scrape
from harness.simulated_time import Polled

POLLED = {family.name for section in SECTIONS for family in section.families}
"""The families that change with a poll only."""

PERIOD = Duration(200)
"""The activity period: so short that calls leave it while Aircall misbehaves."""

POLL = 10
"""Seconds from one reading of calls and availabilities to the next."""

SEEN_LATE = 45
"""Seconds after a call's end, at most, until it is read."""


@dataclass(frozen=True)
class Board:
    """The expected board in words, and its check against the account.

    The check receives the last scrape before the fault, the scrape during the fault, and the seconds between
    them.
    """

    words: str
    check: Callable[[Polled, Scrape, Scrape, float], None]


def _polled(scrape: Scrape) -> dict[str, object]:
    return {
        name: series
        for name, series in scrape.samples.items()
        if name in POLLED or name.rpartition("_")[0] in POLLED
    }


def _does_not_change(world: Polled, before: Scrape, during: Scrape, seconds: float) -> None:
    assert len(_polled(before)) > 20
    assert _polled(during) == _polled(before)
    for dataset in ("calls", "availabilities"):
        assert during.number("aircall_dataset_age_seconds", dataset=dataset) >= seconds


def _stale(world: Polled, before: Scrape, during: Scrape, seconds: float) -> None:
    _does_not_change(world, before, during, seconds)
    assert during.value("aircall_up") == 0
    assert during.number("aircall_polls_total", dataset="calls", result="error") >= 1


def _throttled(world: Polled, before: Scrape, during: Scrape, seconds: float) -> None:
    _stale(world, before, during, seconds)
    refused = during.number("aircall_api_throttled_total") - before.number("aircall_api_throttled_total")
    assert 1 <= refused <= seconds / 10 + 1, f"{refused} in {seconds} s"  # a wait of 10 seconds after each


def _failing(world: Polled, before: Scrape, during: Scrape, seconds: float) -> None:
    _has_all_users(world, during)
    assert during.value("aircall_up") == 0
    for dataset in ("calls", "availabilities"):
        assert during.number("aircall_dataset_age_seconds", dataset=dataset) >= seconds


def _true(world: Polled, before: Scrape, during: Scrape, seconds: float) -> None:
    """Check that all users and all waiting callers are shown, with their real waiting times."""
    _fresh(world, before, during, seconds)
    _keeps_members(world, before, during)
    account = world.account
    for labels, wait in during.all("aircall_queue_call_wait_seconds").items():
        call = account.calls[int(dict(labels)["call_id"])]
        assert abs(wait - (account.now - call.started_at)) <= POLL + 2
    perhaps = [call for call in finished(account, account.now, PERIOD + POLL + 2) if call.number]
    surely = [
        call
        for call in perhaps
        if call.started_at >= account.now - PERIOD and (call.ended_at or math.inf) <= account.now - SEEN_LATE
    ]
    assert 3 < len(surely) <= during.sum("aircall_number_period_calls", period="recent") <= len(perhaps)
    unknown = {
        found for found, value in during.all("aircall_user_availability", state="unknown").items() if value
    }
    assert not {dict(found)["user_id"] for found in unknown} & set(map(str, account.users))


def _fresh(world: Polled, before: Scrape, during: Scrape, seconds: float) -> None:
    _has_all_users(world, during)
    assert during.value("aircall_up") == 1
    for dataset in ("calls", "availabilities"):
        assert during.number("aircall_dataset_age_seconds", dataset=dataset) < 30


def _has_all_users(world: Polled, scrape: Scrape) -> None:
    shown = scrape.labels("aircall_user_availability_code", "user_id")
    assert {str(user) for user in world.account.users} <= shown


def _keeps_members(world: Polled, before: Scrape, during: Scrape) -> None:
    """Nobody who is still there has left a team or a number, and no number has gone."""
    there = {("user_id", str(user)) for user in world.account.users}
    for family in ("aircall_user_team_info", "aircall_user_number_info"):
        known = {series for series in before.all(family) if series & there}
        assert known and known <= during.all(family).keys()
    assert during.all("aircall_number_info").keys() >= before.all("aircall_number_info").keys()
    _has_all_users(world, during)


def _unchanged(world: Polled, before: Scrape, during: Scrape, seconds: float) -> None:
    _keeps_members(world, before, during)
    assert during.value("aircall_up") == 0
    assert during.number("aircall_dataset_age_seconds", dataset="availabilities") >= seconds
    assert during.number("aircall_dataset_age_seconds", dataset="calls") < 30


def _known(world: Polled, before: Scrape, during: Scrape, seconds: float) -> None:
    _keeps_members(world, before, during)
    _fresh(world, before, during, seconds)


STALE = Board("the last good values, ages growing, `aircall_up` 0", _stale)
THROTTLED = Board(f"{STALE.words} after a minute or so, `aircall_api_throttled_total`", _throttled)
FAILING = Board("the pages that arrived, ages growing, `aircall_up` 0", _failing)
UNCHANGED = Board("all objects known before, current calls, `aircall_up` 0", _unchanged)
KNOWN = Board("all objects known before, current calls", _known)
TRUE = Board("the true state", _true)
FRESH = Board("all users, and the calls that Aircall returns", _fresh)
