"""Test the command `backfill` as a process."""

import os
import signal
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from exporter.archive.database import sqlite_url
from exporter.archive.store import Archive
from exporter.cli.backfill import requested_range, time_left
from exporter.cli.existing_archive import has_running_exporter
from exporter.clock import steady_clock
from exporter.config.settings import Storage
from exporter.durations import Duration
from exporter.runtime import service
from exporter.simulator.faults import Fault, Hang
from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from harness.forked import Forked
from tests.support.archive_contents import rows
from tests.support.running import eventually, running

DAY = 86_400
CALLS = 900


@pytest.fixture
def account() -> SimulatedAccount:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=time.time())
    number = next(iter(account.numbers))
    for position in range(CALLS):
        call = account.ring_in(number, "+33 1 11 11 11 11", at=time.time() - 3 * DAY + 60 * position)
        account.miss(call.id, "short_abandoned", at=call.started_at + 5)
    return account


@pytest.fixture
def aircall(account: SimulatedAccount) -> Iterator[SimulatedAircall]:
    with SimulatedAircall(account, rate_limit=6000) as aircall:
        yield aircall


def command(storage: Path, url: str, *arguments: str, token: str = "demo-token") -> Forked:
    credential = {"AIRCALL_API_ID": "demo", "AIRCALL_API_TOKEN": token, "AIRCALL_BASE_URL": url}
    return Forked([f"--storage.path={storage}", "backfill", *arguments], os.environ | credential)


def finished(process: Forked) -> tuple[int, str]:
    """Wait for the end of a process. Returns its exit code and errors."""
    assert process.stderr is not None
    errors = process.stderr.read()
    return process.wait(60), errors


def archived_ids(storage: Path) -> set[int]:
    return {row.id for row in rows(sqlite_url(str(storage)))}


def test_backfill_of_missing_calls_fetches_them_once(tmp_path: Path, aircall: SimulatedAircall) -> None:
    code, errors = finished(command(tmp_path, aircall.base_url, "--from=4d"))
    assert code == 0
    assert "% fetched, about " in errors
    calls = aircall.account.calls
    assert archived_ids(tmp_path) == set(calls)
    summary = errors.splitlines()[-1].removeprefix("aircall-exporter: backfill: ")
    assert summary.startswith(f"all calls of that time are in the archive: {len(calls)} calls, ")
    assert summary.endswith(f"; calls whose teams a running exporter is going to infer: {len(calls)}")
    sent = len(aircall.requests)
    assert finished(command(tmp_path, aircall.base_url, "--from=3d", "--to=1h"))[0] == 0
    assert len(aircall.requests) == sent


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_backfill_after_a_signal_continues_where_it_ended(
    tmp_path: Path, aircall: SimulatedAircall, ending: signal.Signals
) -> None:
    requests, sixth = count(1), Hang()
    aircall.faults.append(Fault(lambda _: next(requests) == 6, sixth))
    first = command(tmp_path, aircall.base_url, "--from=4d")
    assert sixth.reached.wait(60)
    first.send_signal(ending)
    code, errors = finished(first)
    sixth.released.set()
    aircall.faults.clear()
    assert code == 128 + ending
    assert "interrupted; the same command continues where this one ended" in errors
    before, known = len(aircall.requests), len(archived_ids(tmp_path))
    assert 0 < known < CALLS
    assert finished(command(tmp_path, aircall.base_url, "--from=4d"))[0] == 0
    assert len(aircall.requests) - before <= (CALLS - known) / 50 + 2
    assert archived_ids(tmp_path) == set(aircall.account.calls)


def test_has_running_exporter_with_a_wrong_clock_is_true(
    tmp_path: Path, account: SimulatedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The steady clock starts with the time of the wall clock, which may be wrong."""
    correct = steady_clock()
    monkeypatch.setattr(service, "steady_clock", lambda: lambda: correct() - 3600)
    archive = Archive(sqlite_url(str(tmp_path)))
    with running(account, served={"rate_limit": 6000}, archive=archive) as exporter:
        exporter.until_ready()
        assert eventually(lambda: has_running_exporter(Archive(sqlite_url(str(tmp_path)))))


def test_backfill_with_a_running_exporter_is_fetched_by_that_exporter(
    tmp_path: Path, account: SimulatedAccount
) -> None:
    storage = Storage(backfill=Duration(0))
    with running(
        account, served={"rate_limit": 6000}, archive=Archive(sqlite_url(str(tmp_path))), storage=storage
    ) as exporter:
        exporter.until_ready()
        code, errors = finished(command(tmp_path, exporter.aircall.base_url, "--from=4d", token="wrong"))
        assert (code, "an exporter runs on this archive" in errors) == (0, True)
        assert "calls whose teams are inferred from the current members and numbers: " in errors
    assert archived_ids(tmp_path) == set(account.calls)
    assert Archive(sqlite_url(str(tmp_path))).manual_backfills() == ()


def test_backfill_with_a_clock_a_day_ahead_covers_no_future_time(
    tmp_path: Path, aircall: SimulatedAircall
) -> None:
    aircall.clock_skew = -DAY
    code, errors = finished(command(tmp_path, aircall.base_url, "--from=4d"))
    assert (code, "later than Aircall's present" in errors) == (1, True)
    archive = Archive(sqlite_url(str(tmp_path)))
    progress = archive.progress()
    assert progress is None or progress.covered[-1][1] < time.time() - DAY
    assert finished(command(tmp_path, aircall.base_url, "--from=4d", "--to=25h"))[0] == 0
    assert archived_ids(tmp_path) == set(aircall.account.calls)


def test_backfill_with_a_rejected_credential_fails(tmp_path: Path, aircall: SimulatedAircall) -> None:
    code, errors = finished(command(tmp_path, aircall.base_url, "--from=4d", token="wrong"))
    assert (code, "Aircall rejects the credential: check aircall.api_id" in errors) == (1, True)


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["--from=1d", "--to=2d"], "--from: found a time that is not before --to"),
        (["--from=300d"], "--from: found a time longer ago than 180d, as storage.retention keeps calls"),
        (["--from=soon"], '--from: found "soon", expected a time such as'),
    ],
)
def test_backfill_with_an_invalid_time_is_rejected(
    tmp_path: Path, aircall: SimulatedAircall, flags: list[str], problem: str
) -> None:
    code, errors = finished(command(tmp_path, aircall.base_url, *flags))
    assert (code, errors.count("\n"), problem in errors) == (2, 1, True)
    assert not aircall.requests


def test_requested_range_until_now_ends_before_calls_may_still_appear() -> None:
    assert requested_range(1000, 9000, Duration(4000), now=5000.9) == (1000, 4940)


def test_time_left_is_proportional_to_the_time_spent() -> None:
    assert time_left(todo=300, done=100, spent=20) == 60
    assert time_left(todo=300, done=0, spent=20) is None
