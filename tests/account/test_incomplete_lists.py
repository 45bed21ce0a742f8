"""Tests of lists that are incomplete when the exporter starts."""

from collections import defaultdict
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from exporter.archive.store import Archive
from exporter.config.settings import Refresh, Storage
from exporter.durations import Duration
from exporter.polling.fetch_results import INCOMPLETE_LIST_INTERVAL_S
from exporter.simulator import faults
from exporter.simulator.faults import Fault
from exporter.simulator.models import SimulatedCall
from exporter.simulator.simulation import SimulatedAccount
from harness.expected_counts import counted, to_be_counted
from harness.simulated_time import NOON, Polled, polled
from tests.support.archive_contents import rows
from tests.support.request_log import at_path
from tests.support.short_lists import (
    CONFIRMED,
    GLITCHES,
    LISTS,
    fault,
    lists_only,
    shown,
    without_assigned_users,
    without_members,
    without_objects,
)


@pytest.fixture
def account() -> SimulatedAccount:
    return SimulatedAccount(users=12, calls_per_hour=0, start=NOON)


def restarted(busy: SimulatedAccount, directory: Path) -> AbstractContextManager[Polled]:
    """Run an exporter for two minutes, and return another one that continues with its archive."""
    url, rarely = (
        f"sqlite:///{directory}/archive.sqlite",
        Refresh(calls=Duration(30), availabilities=Duration(30)),
    )
    with polled(busy, archive=Archive(url), refresh=rarely) as world:
        world.live_until_complete()
        world.live(120)
    return polled(busy, archive=Archive(url), refresh=rarely)


@pytest.fixture
def busy() -> SimulatedAccount:
    return SimulatedAccount(users=12, calls_per_hour=300, seed=3, start=NOON, history=0)


@pytest.mark.parametrize("paths", [LISTS, ("/v1/teams",), ("/v2/users",)], ids="-".join)
def test_lists_empty_at_a_restart_count_calls_for_their_teams_later(
    busy: SimulatedAccount, paths: tuple[str, ...], tmp_path: Path
) -> None:
    with restarted(busy, tmp_path) as world:
        with world.aircall.failing(fault(without_objects, *paths)):
            world.live(120)
        world.live(300)
        world.freeze()
        world.poll()
        assert counted(world.scrape()) == to_be_counted(busy)


def test_teams_removed_before_a_restart_delay_team_counters_for_minutes_only(
    busy: SimulatedAccount, tmp_path: Path
) -> None:
    with restarted(busy, tmp_path) as world:
        busy.teams.clear()
        begun = world.time.now
        world.live(CONFIRMED)
        world.freeze()
        world.poll()
        single = world.scrape().sum("aircall_team_calls_total", team_id="none", outcome="answered")
    ended = [call for call in busy.calls.values() if call.answered_at and (call.ended_at or 0) > begun]
    assert single >= len(ended) > 0


def short_with_its_total(content: Any) -> None:
    """Leave out half of the objects on the only page, and keep `meta.total`."""
    for key in ("users", "teams", "numbers"):
        if key in content:
            content[key] = content[key][::2] if len(content[key]) > 1 else []


def malformed(path: str, field: str) -> Fault:
    """Return a fault that makes a field of the first object of a list malformed."""

    def change(content: Any) -> None:
        content[path.rpartition("/")[2]][0][field] = 5 if field == "name" else "x"

    return Fault(at_path(path), faults.edited(change))


INCOMPLETE_AT_THE_START = {
    "short lists": lists_only(short_with_its_total),
    "short users": fault(short_with_its_total, "/v2/users"),
    "short teams": fault(short_with_its_total, "/v1/teams"),
    "short numbers": Fault(at_path("/v1/numbers"), faults.edited(short_with_its_total)),
    "teams without users": GLITCHES["teams without users"],
    "numbers without users": GLITCHES["numbers without users"],
    "teams and numbers without users": fault(
        lambda content: without_members(content) if "teams" in content else without_assigned_users(content),
        "/v1/teams",
        "/v1/numbers/",
    ),
}


@pytest.mark.parametrize("glitch", INCOMPLETE_AT_THE_START.values(), ids=INCOMPLETE_AT_THE_START)
def test_lists_incomplete_at_the_start_are_fetched_again_within_minutes(
    account: SimulatedAccount, glitch: Fault
) -> None:
    with polled(account) as world:
        world.live_until_complete()
        complete = shown(world.scrape())
    with polled(account) as world:
        with world.aircall.failing(glitch):
            world.live(INCOMPLETE_LIST_INTERVAL_S + 100)  # the second fetch is incomplete as well
            assert shown(world.scrape()) != complete
        world.live(INCOMPLETE_LIST_INTERVAL_S + 30)
        assert shown(world.scrape()) == complete


def test_lists_complete_are_not_fetched_again_within_minutes(account: SimulatedAccount) -> None:
    with polled(account) as world:
        with world.aircall.failing(INCOMPLETE_AT_THE_START["short lists"]):
            world.live(60)
        world.live(INCOMPLETE_LIST_INTERVAL_S + 30)
        before = sum(request.path in LISTS[:2] for request in world.aircall.requests)
        world.live(2 * INCOMPLETE_LIST_INTERVAL_S)
        assert sum(request.path in LISTS[:2] for request in world.aircall.requests) == before


MALFORMED = {
    f"{path} {field}": malformed(path, field)
    for path in ("/v1/teams", "/v1/numbers")
    for field in ("name", "id")
}
WRONG_FOR_A_MOMENT = INCOMPLETE_AT_THE_START | MALFORMED


@pytest.mark.parametrize("glitch", MALFORMED.values(), ids=MALFORMED)
def test_lists_with_a_malformed_object_at_a_restart_count_calls_for_their_teams_later(
    busy: SimulatedAccount, glitch: Fault, tmp_path: Path
) -> None:
    with restarted(busy, tmp_path) as world:
        with world.aircall.failing(glitch):
            world.live(45)
        world.live(CONFIRMED)
        world.freeze()
        world.poll()
        assert counted(world.scrape()) == to_be_counted(busy)


@pytest.mark.parametrize("glitch", WRONG_FOR_A_MOMENT.values(), ids=WRONG_FOR_A_MOMENT)
def test_lists_incomplete_for_a_moment_at_the_first_start_give_no_call_wrong_teams(
    glitch: Fault, tmp_path: Path
) -> None:
    """Teams are counted and inferred once only, so that a mistake would stay."""
    url = f"sqlite:///{tmp_path}/archive.sqlite"
    storage = Storage(url=url, backfill=Duration(3600))
    past = SimulatedAccount(users=12, calls_per_hour=300, seed=3, start=NOON, history=3600)
    with polled(past, archive=Archive(url, simulated=True), storage=storage) as world:
        with world.aircall.failing(glitch):
            world.live(45)
        world.live(CONFIRMED)
        world.freeze()
        world.poll()
        directory = world.poller.account.directory
    members, assigned = directory.members, directory.assigned
    assert assigned is not None

    def teams(call: SimulatedCall) -> set[str]:
        missed = call.direction == "inbound" and not call.answered_at
        on_number = assigned.get(call.number.id, frozenset()) if call.number else frozenset()
        users = on_number if missed else {call.user.id if call.user else None}
        return {str(id_) for id_, of in members.items() if of & users}

    expected = {call.id: teams(call) for call in past.calls.values() if call.ended_at}
    found = defaultdict[int, set[str]](set)
    for row in rows(url, "call_teams"):
        found[row.call_id].add(row.team_id)
    inferred = {row.call_id for row in rows(url, "call_teams") if row.inferred}
    assert len(inferred & expected.keys()) > 50
    assert {id_: found[id_] - {"none"} for id_ in expected} == expected


def test_missed_call_on_a_number_just_created_counts_for_the_teams_of_its_users(
    account: SimulatedAccount,
) -> None:
    with polled(account) as world:
        world.live_until_complete()
        number = account.add_number("New", "+33 1 00", "FR", "Europe/Paris")
        number.user_ids.add(next(id_ for team in account.teams.values() for id_ in team.user_ids))
        call = account.ring_in(number.id, "+33 6", at=world.time.now)
        account.miss(call.id, "short_abandoned", at=world.time.now + 3)
        world.live(CONFIRMED)
        world.freeze()
        world.poll()
        assert counted(world.scrape()) == to_be_counted(account)


def test_call_answered_by_a_user_just_created_counts_for_their_team(account: SimulatedAccount) -> None:
    with polled(account) as world:
        world.live_until_complete()
        user = account.add_user("New")
        next(iter(account.teams.values())).user_ids.add(user.id)
        account.set_availability(user.id, "available")
        call = account.ring_in(next(iter(account.numbers)), "+33 6", at=world.time.now)
        account.answer(call.id, user.id, at=world.time.now + 1)
        account.hang_up(call.id, at=world.time.now + 2)
        world.live(CONFIRMED)
        world.freeze()
        world.poll()
        assert counted(world.scrape()) == to_be_counted(account)
