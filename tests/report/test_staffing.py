"""Tests of staffed time, available time and occupancy in reports."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from exporter.account.archiving import MAX_WAIT_FOR_TEAMS_S
from exporter.account.records import Batch, CallRecord, Checkpoint
from exporter.account.times_in_state import SAVE_INTERVAL_S, SIGNED_IN, TimeInState
from exporter.aircall.models import Call, CallDetails, Ref
from exporter.archive.reported_times import reported_times
from exporter.archive.store import Archive
from exporter.config.settings import Refresh, Settings, Today
from exporter.durations import Duration
from exporter.report.parameters import parse_request
from exporter.report.rows import ReportRow, report
from exporter.simulator.faults import Fault
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import Polled, polled
from tests.support.request_log import ERRORS, at_path

UTC_DAYS = Today("00:00", "UTC")
NINE = int(datetime(2026, 5, 28, 9, tzinfo=UTC).timestamp())

DAY = (
    TimeInState(1, NINE, NINE + 600, "available", ("10", "group:VIP")),
    TimeInState(1, NINE + 600, NINE + 2000, "in_call", ("10",)),
    TimeInState(1, NINE + 2000, NINE + 2100, "after_call_work", ("10",)),
    TimeInState(2, NINE + 300, NINE + 3300, "do_not_disturb", ("11",)),
    TimeInState(3, NINE + 3500, NINE + 3700, "available", ()),
)


def rows(archive: Archive, settings: Settings | None = None, **given: str) -> list[ReportRow]:
    """Return the rows of a report from nine to ten."""
    asked = {"from": str(NINE), "to": str(NINE + 3600)} | given
    request = parse_request({name: [text] for name, text in asked.items()}, NINE + 7200, UTC_DAYS)
    with archive.searching() as connection:
        return list(report(connection, settings or Settings(), request).rows)


def figures(row: ReportRow) -> tuple[int | None, int | None, float | None]:
    return row.staffed_seconds, row.available_seconds, row.occupancy


@pytest.fixture
def filled(archive: Archive) -> Archive:
    times = {(time.user_id, time.since): time for time in DAY}
    archive.save(Batch(times_in_state=times, names={("user", "2"): "Ben", ("team", "10"): "Sales"}))
    return archive


def test_report_adds_up_the_time_of_all_users(filled: Archive) -> None:
    (row,) = rows(filled)
    assert figures(row) == (2100 + 3000 + 100, 600 + 100, 1500 / 2200)
    assert (row.answered, row.offered) == (0, 0)


def test_report_by_interval_splits_the_time(filled: Archive) -> None:
    found = rows(filled, interval="15m")
    assert [row.staffed_seconds for row in found] == [900 + 600, 900 + 900, 300 + 900, 600 + 100]
    assert [row.available_seconds for row in found] == [600, 0, 0, 100]
    assert [row.occupancy for row in found] == [300 / 900, 1.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("user", {"1": 2100, "2": 3000, "3": 100}),
        ("team", {"10": 2100, "11": 3000, "group:VIP": 600}),
        ("number", {}),
        ("tag", {}),
    ],
)
def test_report_by_group_has_the_time_of_its_users(
    filled: Archive, by: str, expected: dict[str, int]
) -> None:
    assert {row.id: row.staffed_seconds for row in rows(filled, by=by)} == expected


def test_report_with_chosen_teams_or_excluded_users_leaves_their_time_out(filled: Archive) -> None:
    chosen = Settings(teams=("Sales",))
    assert {row.name: row.staffed_seconds for row in rows(filled, chosen, by="team")} == {
        "Sales": 2100,
        "VIP": 600,
    }
    excluding = Settings(exclude_users=("Ben",))
    assert {row.id for row in rows(filled, excluding, by="user")} == {"1", "3"}
    assert [row.staffed_seconds for row in rows(filled, excluding)] == [2200]


def test_report_without_observed_time_has_no_staffed_time(archive: Archive) -> None:
    call = Call(1, "inbound", "done", NINE, NINE + 10, NINE + 70, user=Ref(1))
    archive.save(Batch(records={1: CallRecord(call, CallDetails(), "full")}))
    assert [figures(row) for row in rows(archive)] == [(None, None, None)]
    assert [figures(row) for row in rows(archive, by="user")] == [(None, None, None)]


def test_time_past_its_retention_is_removed(filled: Archive) -> None:
    filled.save(Batch(progress=Checkpoint(covered=((NINE - 86_400, NINE + 86_400),))))
    filled.purge_expired(NINE + 2000)
    with filled.searching() as connection:
        left = {time.since for time in reported_times(connection, NINE, NINE + 3600)}
    assert left == {NINE + 2000, NINE + 3500}


def test_report_of_overlapping_times_counts_each_second_once(archive: Archive) -> None:
    overlapping = (
        TimeInState(1, NINE - 100, NINE + 600, "available", ()),
        TimeInState(1, NINE - 50, NINE - 40, "in_call", ()),
        TimeInState(2, NINE, NINE + 600, "available", ()),
        TimeInState(2, NINE + 100, NINE + 200, "in_call", ()),
        TimeInState(2, NINE + 200, NINE + 300, "available", ()),
    )
    archive.save(Batch(times_in_state={(time.user_id, time.since): time for time in overlapping}))
    with archive.searching() as connection:
        found = list(reported_times(connection, NINE, NINE + 3600))
        seconds = [time.until - time.since for time in found]
    assert (sum(seconds), {time.user_id for time in found}) == (300, {2})


LIVES_S = (600, 300)
"""How long the exporter runs, with a restart in between."""


def test_report_of_observed_time_equals_the_counters_through_a_restart(database: str) -> None:
    account = SimulatedAccount(users=24, calls_per_hour=240, seed=7, history=0)
    begun = account.now
    at_least, at_most = Counter[str](), Counter[str]()
    for seconds in LIVES_S:
        archive = Archive(database)
        with polled(account, archive=archive) as world:
            world.live_until_complete()
            world.live(seconds)
            at_least.update(counted(world))
            world.live(SAVE_INTERVAL_S + 30)
            at_most.update(counted(world))
            request = parse_request({"from": [str(int(begun))]}, world.time.now, UTC_DAYS)
            made = {}
            with archive.searching() as connection:
                for by in ("company", "user", "team"):
                    found = report(connection, world.settings, replace(request, by=by))
                    made[by] = {row.id: row for row in found.rows}
    users = {id_: row.staffed_seconds or 0 for id_, row in made["user"].items() if id_}
    assert len(users) > 20
    for id_, staffed in users.items():
        assert at_least[id_] - 30 <= staffed <= at_most[id_] + 30, id_  # each change of the state is rounded
    assert made["company"][""].staffed_seconds == sum(users.values())
    for team in account.teams.values():
        members = sum(users.get(str(user), 0) for user in team.user_ids)
        assert made["team"][str(team.id)].staffed_seconds == members
    available = sum(row.available_seconds or 0 for row in made["user"].values())
    assert made["company"][""].available_seconds == available
    assert 0 < (made["company"][""].occupancy or 0) < 1


@pytest.mark.parametrize("path", ["/v1/numbers", "/v1/teams"])
def test_time_of_users_is_saved_although_a_list_always_fails(database: str, path: str) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, history=0)
    archive, rarely = Archive(database), Refresh(calls=Duration(60), availabilities=Duration(60))
    with polled(account, archive=archive, refresh=rarely) as world:
        world.aircall.faults.append(Fault(at_path(path), ERRORS["403"]))
        begun = world.time.now
        world.live(MAX_WAIT_FOR_TEAMS_S + 300)
        found = counted(world)
    with archive.searching() as connection:
        times = list(reported_times(connection, int(begun), int(world.time.now) + 1))
    saved = Counter[str]()
    for time in times:
        saved[str(time.user_id)] += time.until - time.since
    assert len(saved) > 3
    assert saved.keys() == {user for user, seconds in found.items() if seconds}
    assert all(saved[user] == pytest.approx(seconds, abs=150) for user, seconds in found.items())


def counted(world: Polled) -> Counter[str]:
    """Return the seconds that each user was signed in, by the exposed counters."""
    found = Counter[str]()
    for state in SIGNED_IN:
        samples = world.scrape().all("aircall_user_availability_seconds_total", state=state)
        found.update({dict(labels)["user_id"]: seconds for labels, seconds in samples.items()})
    return found
