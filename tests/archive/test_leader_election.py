"""A leader that loses its session, hangs or is stopped, and who leads afterwards."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from structlog.testing import capture_logs

from exporter.account.records import Batch
from exporter.archive import standby
from exporter.archive.database import ArchiveError, LostLeadershipError
from exporter.archive.leader_election import LeaderState
from exporter.archive.standby import SILENCE_S, SUSPENDED_AFTER_S, Standby
from exporter.archive.store import Archive
from exporter.config.settings import Aircall, Settings
from exporter.runtime import service, watchdog
from exporter.runtime.service import Service
from exporter.runtime.suspension import CONFIRMING_S, LATE_S, LONG_S, Suspension
from exporter.simulator.faults import Fault, Hang
from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from harness.expected_counts import counted, kept, plan, to_be_counted
from harness.postgres import Postgres, end_sessions
from harness.process import Process
from harness.scrape import Scrape
from tests.support.exporter_pair import Pair, holders, is_leader
from tests.support.request_driven_company import Company
from tests.support.running import eventually
from tests.support.tcp_proxy import Proxy, proxy

IMPATIENT = """
import sys
from exporter.runtime import service, watchdog
from exporter.archive import standby, writer
service.HANG_TIMEOUT_S, watchdog.CHECK_INTERVAL_S, writer.HEARTBEAT_INTERVAL_S = 3.0, 0.5, 1.0
standby.SILENCE_S, service.SILENCE_S, standby.REJOIN_GRACE_S = 6.0, 6.0, 4.0
from exporter.cli.main import main
sys.exit(main())
"""
"""The command with less patience: it is stopped or hangs for seconds instead of minutes."""


@pytest.fixture
def url(postgres_server: Postgres) -> str:
    return postgres_server.database("leader")


@pytest.fixture
def passing_on(postgres_server: Postgres) -> Iterator[Proxy]:
    with proxy(postgres_server.address) as passing_on:
        yield passing_on


@pytest.fixture
def impatient_pair(url: str, tmp_path: Path) -> Iterator[Pair]:
    with ExitStack() as running_now:
        yield Pair(url, tmp_path, running_now, [sys.executable, "-c", IMPATIENT])


def through(passing_on: Proxy, url: str) -> str:
    """Return the URL of the same database behind the proxy."""
    return f"postgresql+psycopg://aircall@{passing_on.address}/{url.rsplit('/', 1)[1]}"


def test_exclusive_archive_whose_connection_was_reset_ends_its_own_session(
    url: str, passing_on: Proxy
) -> None:
    archive = Archive(through(passing_on, url), exclusive=True)
    archive.load()
    before = holders(url)
    for number in range(3):
        assert passing_on.reset_clients()
        assert holders(url) == before  # the server has not noticed
        archive.save(Batch(names={("user", "1"): f"Ada {number}"}))
        assert len(holders(url)) == 1
        assert holders(url) != before
        before = holders(url)
    archive.close()


def test_exclusive_archive_ends_no_session_of_another_exporter(url: str) -> None:
    first, second = Archive(url, exclusive=True), Archive(url, exclusive=True)
    first.load()
    before = holders(url)
    with pytest.raises(LostLeadershipError):
        second.load()
    assert holders(url) == before
    first.save(Batch(names={("user", "1"): "Ada"}))
    first.close()
    second.close()


def test_single_exporter_whose_connection_is_reset_goes_on_and_loses_nothing(
    url: str, passing_on: Proxy, tmp_path: Path
) -> None:
    storage = {"url": through(passing_on, url), "standby": True}
    company = Company(url, tmp_path, seconds_per_request=2, storage=storage)
    with company.aircall, company.exporter() as alone:
        eventually(lambda: company.progress() is not None)
        for _ in range(2):
            before = holders(url)
            passing_on.reset_clients()
            company.until_polled(alone, times=3)
            eventually(lambda before=before: holders(url) and holders(url) != before)
            eventually(lambda: Scrape.at(alone.url).value("aircall_archive_up") == 1)
        assert alone.process.poll() is None
        assert_nothing_is_lost(company, alone)
    assert not any("another exporter" in line for line in alone.lines)


def assert_nothing_is_lost(company: Company, exporter: Process) -> None:
    company.read_whole(exporter)
    eventually(lambda: counted(Scrape.at(exporter.url)) == to_be_counted(company.account))
    assert kept(company.rows()) == plan(company.account)


def test_leader_whose_poller_hangs_exits_and_is_replaced(impatient_pair: Pair) -> None:
    hang, company = Hang(), impatient_pair.company
    company.until_polled(impatient_pair.leader)
    company.aircall.faults.append(Fault(lambda _: True, hang))
    assert impatient_pair.leader.process.wait(40) == 1
    assert impatient_pair.leader.logged("poller hangs; leadership released, exiting")
    company.aircall.faults.clear()
    hang.released.set()
    impatient_pair.take_over()
    company.until_polled(impatient_pair.leader, times=2)
    assert_nothing_is_lost(company, impatient_pair.leader)


def test_leader_that_is_suspended_is_replaced_and_polls_no_more(impatient_pair: Pair) -> None:
    company, stopped = impatient_pair.company, impatient_pair.leader
    company.until_polled(stopped)
    os.kill(stopped.process.pid, signal.SIGSTOP)
    impatient_pair.take_over()
    assert impatient_pair.leader.logged("session of a silent exporter ended")
    company.until_polled(impatient_pair.leader)
    os.kill(impatient_pair.leader.process.pid, signal.SIGSTOP)  # from now on, only the other one runs
    asked = len(company.aircall.requests)
    os.kill(stopped.process.pid, signal.SIGCONT)
    assert stopped.process.wait(30) == 1
    assert len(company.aircall.requests) <= asked + 1  # one may have been under way
    os.kill(impatient_pair.leader.process.pid, signal.SIGCONT)
    company.until_polled(impatient_pair.leader)


def test_leader_whose_tables_are_locked_stays_leader_and_goes_on(impatient_pair: Pair, url: str) -> None:
    company, leader = impatient_pair.company, impatient_pair.leader
    company.until_polled(leader)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("LOCK TABLE calls IN ACCESS EXCLUSIVE MODE"))
        impatient_pair.standby.logged("session of a silent exporter ended")
        company.until_polled(leader, times=2)
    engine.dispose()
    eventually(lambda: Scrape.at(leader.url).value("aircall_archive_up") == 1, within=40)
    assert is_leader(leader)


@pytest.fixture
def led(url: str) -> Iterator[tuple[Service, SimulatedAircall, threading.Event]]:
    """Run a leading exporter in this process. Returns it, and the event that is set when it should end."""
    account, ended = SimulatedAccount(users=6, calls_per_hour=0, start=time.time()), threading.Event()
    with SimulatedAircall(account, rate_limit=6000) as aircall:
        api = Aircall(aircall.api_id, aircall.api_token, base_url=aircall.base_url)
        led = Service(Settings(aircall=api), Archive(url, exclusive=True), taken=ended.set)
        led.start()
        eventually(lambda: led.standby_reason is None and not led.latest.missing)
        yield led, aircall, ended
        led.stop()


def test_archive_thread_that_hangs_after_a_takeover_ends_the_exporter(
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    led: tuple[Service, SimulatedAircall, threading.Event],
) -> None:
    monkeypatch.setattr(watchdog, "CHECK_INTERVAL_S", 0.1)
    monkeypatch.setattr(service, "SILENCE_S", 6.0)
    goes_on = threading.Event()
    monkeypatch.setattr(Archive, "heartbeat", lambda *_, **__: goes_on.wait(60))
    try:
        assert not led[2].wait(0.5)
        end_sessions(url)
        other = Archive(url, exclusive=True)
        eventually(lambda: other.leader_state() is LeaderState.LOST)
        other.load()
        assert led[2].wait(30)
        other.close()
    finally:
        goes_on.set()


HELD, LOST = LeaderState.HELD, LeaderState.LOST


def test_standby_ends_session_of_silent_exporter_only() -> None:
    heartbeats, ended = iter([1, 2, 2, 2, 3, 3, 3, 3]), []
    looks = Standby(lambda: HELD, lambda: next(heartbeats), lambda: ended.append(now) or True)
    now = 0.0
    with capture_logs():
        for step in (0, 20, 20, 20, 20, 20, 20, 20):
            now += step
            assert not looks.may_take_over(now)
    assert not ended
    heartbeats = iter([4] * 100)
    with capture_logs():
        for _ in range(30):
            now += 20
            looks.may_take_over(now)
    assert len(ended) == 3  # once in every SILENCE_S while it stays silent
    assert ended[0] >= SILENCE_S


def test_sign_of_life_after_a_takeover_differs(url: str) -> None:
    """A silence never includes that of an earlier leader: loading the archive shows no other sign."""
    leader, observer = Archive(url, exclusive=True), Archive(url)
    leader.load()
    leader.heartbeat(1.0)
    before = observer.sign_of_life()
    assert observer.sign_of_life() == before
    leader.close()
    eventually(lambda: not holders(url))
    successor = Archive(url, exclusive=True)
    successor.leads()
    with pytest.raises(LostLeadershipError):
        successor.release_leadership()  # takes the lock, and changes nothing else
    assert holders(url)
    assert observer.sign_of_life() != before
    successor.close()
    observer.close()


def test_standby_that_was_suspended_itself_ends_no_session() -> None:
    ended: list[float] = []
    looks = Standby(lambda: HELD, lambda: 1, lambda: ended.append(1.0))
    with capture_logs():
        for now in (0.0, SILENCE_S + SUSPENDED_AFTER_S + 1, 2 * (SILENCE_S + SUSPENDED_AFTER_S + 1)):
            looks.may_take_over(now)
    assert not ended


def test_standby_without_permission_to_end_sessions_stays_on_standby() -> None:
    def refuse() -> bool:
        raise ArchiveError("permission denied")

    looks = Standby(lambda: HELD, lambda: 1, refuse)
    with capture_logs() as logged:
        assert not any(looks.may_take_over(float(now)) for now in range(0, 400, 10))
    assert any(line.get("problem") == "permission denied" for line in logged)


@pytest.mark.parametrize(
    ("turns", "confirmed_at", "now", "in_doubt"),
    [
        ([(0, 1, 10)], 0, 10, False),
        ([(0, 1, 10)], 0, 10 + LATE_S, False),
        ([(0, 1, 10)], 0, 11 + LATE_S, True),
        ([(0, 1, 10)], 11 + LATE_S, 11 + LATE_S, False),
        ([(0, LONG_S + 1, 10)], 0, LONG_S + 1, True),
        ([(0, LONG_S + 1, 100)], 0, LONG_S + 2 + CONFIRMING_S, False),
        ([(0, 1, 0)], 0, 1 + LATE_S, False),
        ([], 0, 1000, False),
    ],
)
def test_suspension_after_late_or_long_turn_waits_for_confirmation(
    turns: list[tuple[float, float, float]], confirmed_at: float, now: float, in_doubt: bool
) -> None:
    asked: list[None] = []
    suspension = Suspension(lambda: asked.append(None), lambda: confirmed_at)
    for turn in turns:
        suspension.turned(*turn)
    assert suspension.in_doubt(now) == in_doubt
    assert suspension.in_doubt(now + 1) == in_doubt
    assert bool(asked) >= in_doubt
    assert not suspension.in_doubt(now + CONFIRMING_S + 1)


def test_standby_waits_longer_than_the_watchdog_of_the_leader() -> None:
    """A leader whose poller hangs leaves in order before its session is ended."""
    assert service.HANG_TIMEOUT_S + watchdog.CHECK_INTERVAL_S < standby.SILENCE_S
