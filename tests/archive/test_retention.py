"""Test the removal of calls past their retention, whose counts stay."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url
from structlog.testing import capture_logs

from exporter.account.recorded_steps import CallStep
from exporter.account.records import Batch, CallRecord, Checkpoint
from exporter.aircall.models import Call, CallDetails
from exporter.archive.retention import MAX_CLOCK_DIFFERENCE_S, agreed_time
from exporter.archive.store import Archive
from exporter.config.settings import Storage
from exporter.durations import Duration
from exporter.simulator import faults
from exporter.simulator.faults import Fault
from exporter.simulator.simulation import SimulatedAccount
from harness.postgres import Postgres
from harness.simulated_time import NOON, polled
from tests.support.archive_contents import rows
from tests.support.calls import live, missed_call
from tests.support.lost_archives import RARELY

DAY = 86_400.0
KEPT_30_DAYS = Storage(retention=Duration(30 * DAY))


def test_retention_of_expired_calls_removes_them_and_keeps_counters(database: str) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    number = next(iter(account.numbers))
    kept_a_day = Storage(retention=Duration(86400))
    with polled(account, archive=Archive(database), storage=kept_a_day, refresh=RARELY) as world:
        world.live_until_complete()
        for position in range(600):
            call = account.ring_in(number, f"+33 1 11 11 {position:04}", at=world.time.now + position / 100)
            account.tag(call.id, "old")
            account.miss(call.id, "short_abandoned")
        world.live(120)
        assert len(rows(database)) == 600
        world.time.now += 86400
        world.live(180)
        assert world.scrape().sum("aircall_calls_total") == 600
    assert rows(database) == rows(database, "call_tags") == []
    assert live(database, account, 120) == 600


def test_retention_of_calls_that_are_fetched_again_counts_them_once(database: str) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    number = next(iter(account.numbers))
    settings: dict[str, Any] = {
        "activity_period": Duration(5 * 86400),
        "storage": Storage(retention=Duration(86400)),
        "refresh": RARELY,
    }
    for day in range(4):
        call = account.ring_in(number, "+33 1 11 11 11 11", at=NOON + day * 86400)
        account.miss(call.id, "short_abandoned", at=NOON + day * 86400 + 5)
        account.advance(NOON + day * 86400 + 60)
        assert live(database, account, 180, **settings) == day + 1
    assert len(rows(database)) == 1


def test_retention_of_calls_that_are_fetched_late_counts_them_first(database: str) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    number = next(iter(account.numbers))
    settings: dict[str, Any] = {"storage": Storage(retention=Duration(86400)), "refresh": RARELY}
    live(database, account, 60, **settings)
    for hour in range(2, 72):
        call = account.ring_in(number, "+33 1 11 11 11 11", at=NOON + hour * 3600)
        account.miss(call.id, "short_abandoned", at=NOON + hour * 3600 + 5)
    account.advance(NOON + 72 * 3600)
    assert live(database, account, 240, **settings) == 70
    assert 20 < len(rows(database)) < 25


def test_purge_expired_of_calls_without_known_teams_removes_them(database: str) -> None:
    account = SimulatedAccount(users=10, calls_per_hour=200, seed=1, start=NOON, history=0)
    archive = Archive(database)
    with polled(account, archive=archive, refresh=RARELY) as world:
        world.aircall.faults.append(Fault(lambda path: path == "/v1/teams", faults.answer(404)))
        world.live(1800)
        before = int(world.time.now - 900)
        assert archive.purge_expired(before)
        assert all(row.started_at >= before for row in rows(database) if row.status == "done")
        world.poller.account.ledger.prune(before)
        waiting = world.poller.account.ledger.pending_team_counts
        assert waiting
        assert all(call.started_at >= before for call in waiting)


@pytest.mark.parametrize("answered", [True, False])
def test_a_call_that_never_ends_is_removed_and_neither_fetched_nor_counted_later(
    tmp_path: Path, account: SimulatedAccount, answered: bool
) -> None:
    database, kept_for = f"sqlite:///{tmp_path}/archive.sqlite", Storage(retention=Duration(DAY))
    with polled(account, archive=Archive(database), storage=kept_for, refresh=RARELY) as world:
        world.live_until_complete()
        call = account.ring_in(next(iter(account.numbers)), "+33 1 11 11 11 11", at=world.time.now)
        if answered:
            account.answer(call.id, min(account.users), at=world.time.now)
        world.live(60)
        assert [row.status for row in rows(database)] == ["answered" if answered else "initial"]
        world.time.now += DAY
        world.live(180)
        assert rows(database) == []
        begun = len(world.aircall.requests)
        world.time.now += 4 * 3600
        world.live(60)
        assert f"/v1/calls/{call.id}" not in [each.path for each in list(world.aircall.requests)[begun:]]
        end = account.hang_up if answered else partial(account.miss, reason="short_abandoned")
        end(call.id, at=world.time.now)
        world.live(60)
        assert world.scrape().sum("aircall_calls_total") == 0
    assert live(database, account, 60, storage=kept_for) == 0
    assert rows(database) == []


def test_a_call_that_is_dated_back_and_removed_is_no_loss(database: str, account: SimulatedAccount) -> None:
    moved = missed_call(account, NOON)

    def date_back(content: dict[str, Any]) -> None:
        for each in content.get("calls", [content.get("call", {})]):
            if each.get("id") == moved.id:
                each["started_at"] -= int(200 * DAY)
                each["ended_at"] -= int(200 * DAY)

    fault = Fault(lambda path: path.startswith("/v1/calls"), faults.edited(date_back))
    with polled(
        account, archive=Archive(database), storage=Storage(retention=Duration(30 * DAY)), refresh=RARELY
    ) as world:
        world.live_until_complete()
        world.live(60)
        assert len(rows(database)) == 1
        newer = missed_call(account, world.time.now)
        world.aircall.faults.append(fault)
        world.live(180)
        assert [row.id for row in rows(database)] == [newer.id]
        scrape = world.scrape()
        assert (scrape.value("aircall_archive_up"), scrape.sum("aircall_calls_total")) == (1, 2)
    with polled(
        account, archive=Archive(database), storage=Storage(retention=Duration(30 * DAY)), refresh=RARELY
    ) as world:
        world.aircall.faults.append(fault)
        world.live_until_complete()
        assert world.scrape().sum("aircall_calls_total") == 2


def ten_days() -> SimulatedAccount:
    """Return an account with a call in each hour of ten days."""
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    number = next(iter(account.numbers))
    for hour in range(240):
        call = account.ring_in(number, "+33 1 11 11 11 11", at=NOON - hour * 3600)
        account.miss(call.id, "short_abandoned", at=call.started_at + 5)
    return account


@pytest.fixture(scope="module")
def filled(new_shared_database: Callable[[], str]) -> str:
    """Return the URL of an archive that has these calls, for each kind of database."""
    url = new_shared_database()
    live(url, ten_days(), 120, storage=Storage(retention=Duration(30 * DAY), backfill=Duration(11 * DAY)))
    return url


@pytest.fixture
def old_calls(filled: str, request: pytest.FixtureRequest, tmp_path: Path) -> tuple[SimulatedAccount, str]:
    """Return the account a minute later, and the URL of a copy of the archive."""
    account = ten_days()
    account.advance(NOON + 180)
    if file := make_url(filled).database if filled.startswith("sqlite") else None:
        url = f"sqlite:///{shutil.copy(file, tmp_path)}"
    else:
        server: Postgres = request.getfixturevalue("postgres_server")
        url = server.database("copy", f' TEMPLATE "{make_url(filled).database}"')
    assert len(rows(url)) == 240
    return account, url


@pytest.mark.parametrize(
    "clocks",
    [
        pytest.param({"clock_skew": -40 * DAY}, id="machine 40 d ahead"),
        pytest.param({"clock_skew": -200 * DAY}, id="machine 200 d ahead"),
        pytest.param({"date_error": 40 * DAY}, id="Date header 40 d ahead"),
        pytest.param({"date_error": 200 * DAY}, id="Date header 200 d ahead"),
        pytest.param({"date_error": 40 * DAY, "clock_skew": -60 * DAY}, id="both ahead by different times"),
    ],
)
@pytest.mark.parametrize("reachable", [True, False])
def test_retention_with_clocks_that_disagree_deletes_nothing(
    old_calls: tuple[SimulatedAccount, str], clocks: dict[str, float], reachable: bool
) -> None:
    account, database = old_calls
    with (
        capture_logs() as lines,
        polled(
            account, archive=Archive(database), served=clocks, storage=KEPT_30_DAYS, refresh=RARELY
        ) as world,
    ):
        if not reachable:
            world.aircall.faults.append(Fault(lambda _: True, faults.close_connection))
        world.live(190)  # calls are looked for each minute
    assert len(rows(database)) == 240
    deferred = [line for line in lines if line["event"].startswith("removal of old calls deferred until")]
    assert len(deferred) == 1
    assert ("difference" in deferred[0]) == reachable


def test_retention_with_a_clock_set_ahead_while_running_deletes_nothing(
    old_calls: tuple[SimulatedAccount, str],
) -> None:
    account, database = old_calls
    with polled(account, archive=Archive(database), storage=KEPT_30_DAYS, refresh=RARELY) as world:
        world.live_until_complete()
        for machine, date in ((40 * DAY, 0.0), (0.0, 40 * DAY)):
            world.time.wall_error, world.aircall.date_error = machine, date
            world.live(180)
    assert len(rows(database)) == 240


def test_retention_with_clocks_that_agree_again_deletes_and_logs_the_number(
    old_calls: tuple[SimulatedAccount, str],
) -> None:
    account, database = old_calls
    kept_5_days = Storage(retention=Duration(5 * DAY))
    with (
        capture_logs() as lines,
        polled(account, archive=Archive(database), storage=kept_5_days, refresh=RARELY) as world,
    ):
        world.time.wall_error = 40 * DAY
        world.live(180)
        assert len(rows(database)) == 240
        world.time.wall_error = 0.0
        world.live(180)
    assert len(rows(database)) == 120
    removed = [line for line in lines if line["event"] == "calls past their retention removed"]
    assert [line["calls"] for line in removed] == [120]


def test_agreed_time_of_two_clocks_that_agree_is_the_earlier() -> None:
    assert agreed_time(NOON, None) is None
    assert (
        agreed_time(NOON, NOON + MAX_CLOCK_DIFFERENCE_S)
        == agreed_time(NOON + MAX_CLOCK_DIFFERENCE_S, NOON)
        == NOON
    )
    assert agreed_time(NOON, NOON + MAX_CLOCK_DIFFERENCE_S + 1) is None
    assert agreed_time(NOON + MAX_CLOCK_DIFFERENCE_S + 1, NOON) is None


def test_steps_of_removed_calls_are_removed(database: str) -> None:
    archive = Archive(database)
    archive.load()
    ended = [
        Call(id_, "inbound", "done", at, ended_at=at + 9) for id_, at in ((2, 1000), (3, 2000), (4, 3000))
    ]
    calls = {call.id: CallRecord(call, CallDetails(), "full") for call in ended}
    steps = tuple(CallStep(id_, 1000, "ringing", 7) for id_ in (1, 2, 3, 4))
    archive.save(Batch(records=calls, steps=steps, progress=Checkpoint(((0, 5000),))))
    assert archive.purge_expired(2500) == 2
    assert {row.call_id for row in rows(database, "call_steps")} == {1, 4}
    assert archive.purge_expired(2500) == 0
    assert {row.call_id for row in rows(database, "call_steps")} == {4}
    archive.close()
