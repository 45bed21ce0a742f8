"""Test leaders that lose their session, hang or are suspended, and which exporter leads afterwards."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from exporter.account.records import Batch
from exporter.archive import leader_election, standby
from exporter.archive.database import ArchiveError, LostLeadershipError
from exporter.archive.leader_election import LeaderState
from exporter.archive.store import Archive
from exporter.config.settings import Aircall, Settings
from exporter.runtime import service, watchdog
from exporter.runtime.service import Service
from exporter.simulator.faults import Fault, Hang
from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from harness.expected_counts import archived_calls, counted, expected_calls, to_be_counted
from harness.postgres import Postgres, end_sessions
from harness.process import Process
from harness.scrape import Scrape
from tests.support.exporter_pair import Pair, holders, is_leader
from tests.support.request_driven_company import Company
from tests.support.running import eventually
from tests.support.tcp_proxy import Proxy

SHORT_TIMEOUTS = """
import sys
from exporter.runtime import service, suspension, watchdog
from exporter.archive import standby, writer_thread
service.HANG_TIMEOUT_S, watchdog.CHECK_INTERVAL_S, writer_thread.HEARTBEAT_INTERVAL_S = 3.0, 0.5, 1.0
standby.SILENCE_S, service.SILENCE_S, standby.REJOIN_GRACE_S = 6.0, 6.0, 4.0
suspension.LONG_S = 5.0
from exporter.cli.main import main
sys.exit(main())
"""
"""The command with timeouts of seconds instead of minutes, for exporters that hang or are suspended."""


@pytest.fixture
def url(postgres_server: Postgres) -> str:
    return postgres_server.database("leader")


@pytest.fixture
def impatient_pair(url: str, tmp_path: Path) -> Iterator[Pair]:
    with ExitStack() as stack:
        yield Pair(url, tmp_path, stack, [sys.executable, "-c", SHORT_TIMEOUTS])


def through(tcp_proxy: Proxy, url: str) -> str:
    """Return the URL of the same database through the proxy."""
    return f"postgresql+psycopg://aircall@{tcp_proxy.address}/{url.rsplit('/', 1)[1]}"


def test_exclusive_archive_whose_connection_was_reset_ends_its_own_session(
    url: str, tcp_proxy: Proxy
) -> None:
    archive = Archive(through(tcp_proxy, url), exclusive=True)
    archive.load()
    before = holders(url)
    for number in range(3):
        assert tcp_proxy.reset_clients()
        assert holders(url) == before  # the server has not noticed
        archive.save(Batch(names={("user", "1"): f"Ada {number}"}))
        assert len(holders(url)) == 1
        assert holders(url) != before
        before = holders(url)
    archive.close()


def test_exclusive_archive_behind_a_connection_pooler_takes_no_lock_and_says_so(
    url: str, tcp_proxy: Proxy
) -> None:
    tcp_proxy.pools = True
    archive = Archive(through(tcp_proxy, url), exclusive=True)
    with pytest.raises(
        ArchiveError, match=r"storage\.url: found a connection pooler, expected a direct connect"
    ):
        archive.load()
    assert archive.leader_state() is LeaderState.NEVER_HELD
    single = Archive(through(tcp_proxy, url))
    single.load()
    single.close()
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
    url: str, tcp_proxy: Proxy, tmp_path: Path
) -> None:
    storage = {"url": through(tcp_proxy, url), "standby": True}
    company = Company(url, tmp_path, seconds_per_request=2, storage=storage)
    with company.aircall, company.exporter() as alone:
        eventually(lambda: company.progress() is not None)
        for _ in range(2):
            before = holders(url)
            tcp_proxy.reset_clients()
            company.until_polled(alone, times=3)
            eventually(lambda: holders(url) and holders(url) != before)  # noqa: B023 (called at once)
            eventually(lambda: Scrape.at(alone.url).value("aircall_archive_up") == 1)
        assert alone.process.poll() is None
        assert_nothing_is_lost(company, alone)
    assert not any("another exporter" in line for line in alone.lines)


def assert_nothing_is_lost(company: Company, exporter: Process) -> None:
    company.fetch_all(exporter)
    eventually(lambda: counted(Scrape.at(exporter.url)) == to_be_counted(company.account))
    assert archived_calls(company.rows()) == expected_calls(company.account)


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
    os.kill(impatient_pair.leader.process.pid, signal.SIGSTOP)  # from now on, only the other exporter runs
    requests = len(company.aircall.requests)
    os.kill(stopped.process.pid, signal.SIGCONT)
    assert stopped.process.wait(30) == 1
    assert len(company.aircall.requests) <= requests + 2  # one of each exporter may have been under way
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
def leader_in_process(url: str) -> Iterator[tuple[Service, SimulatedAircall, threading.Event]]:
    """Run a leader in this process. Returns it, its account, and the event that ends it."""
    account, exits = SimulatedAccount(users=6, calls_per_hour=0, start=time.time()), threading.Event()
    with SimulatedAircall(account, rate_limit=6000) as aircall:
        api = Aircall(aircall.api_id, aircall.api_token, base_url=aircall.base_url)
        leader = Service(Settings(aircall=api), Archive(url, exclusive=True), taken=exits.set)
        leader.start()
        eventually(lambda: leader.standby_reason is None and not leader.latest.missing)
        yield leader, aircall, exits
        leader.stop()


def test_archive_thread_that_hangs_after_a_takeover_ends_the_exporter(
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    leader_in_process: tuple[Service, SimulatedAircall, threading.Event],
) -> None:
    monkeypatch.setattr(watchdog, "CHECK_INTERVAL_S", 0.1)
    monkeypatch.setattr(service, "SILENCE_S", 6.0)
    hangs, continues, (_, _, exits) = threading.Event(), threading.Event(), leader_in_process

    def hang(*_: object, **__: object) -> None:
        hangs.set()
        continues.wait(60)

    monkeypatch.setattr(Archive, "heartbeat", hang)
    try:
        assert hangs.wait(30)
        assert not exits.is_set()
        end_sessions(url)
        other = Archive(url, exclusive=True)
        eventually(lambda: other.leader_state() is LeaderState.LOST)
        other.load()
        assert exits.wait(30)
        other.close()
    finally:
        continues.set()


def test_leads_behind_a_proxy_whose_connections_stall_is_answered(url: str, tcp_proxy: Proxy) -> None:
    archive, other = Archive(through(tcp_proxy, url), exclusive=True), Archive(url, exclusive=True)
    assert archive.leader_state() is LeaderState.NEVER_HELD  # its connection is kept
    archive.load()
    tcp_proxy.stall()
    end_sessions(url)
    eventually(lambda: other.leader_state() is LeaderState.LOST)
    other.load()
    with ThreadPoolExecutor() as thread:
        try:
            assert thread.submit(archive.leads).result(10) is False
        finally:
            tcp_proxy.reset_clients()
    archive.close()
    other.close()


def test_leads_without_an_answer_is_an_error(
    url: str, tcp_proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leader_election, "ANSWER_SECONDS", 0.3)
    archive = Archive(through(tcp_proxy, url), exclusive=True)
    archive.load()
    assert archive.leads()
    tcp_proxy.stall_at = b"statement_timeout"
    with ThreadPoolExecutor() as thread:
        try:
            with pytest.raises(ArchiveError):
                thread.submit(archive.leads).result(10)
        finally:
            tcp_proxy.reset_clients()
    archive.close()


def test_leader_activity_after_a_takeover_differs(url: str) -> None:
    """The takeover itself is a sign of life, because loading the archive shows no other."""
    leader, observer = Archive(url, exclusive=True), Archive(url)
    leader.load()
    leader.heartbeat(1.0)
    before = observer.leader_activity()
    assert observer.leader_activity() == before
    leader.close()
    eventually(lambda: not holders(url))
    successor = Archive(url, exclusive=True)
    successor.leads()
    with pytest.raises(LostLeadershipError):
        successor.release_leadership()  # takes the lock, and changes nothing else
    assert holders(url)
    assert observer.leader_activity() != before
    successor.close()
    observer.close()


def test_standby_waits_longer_than_the_watchdog_of_the_leader() -> None:
    """A leader whose poller hangs leaves in order before its session is ended."""
    assert service.HANG_TIMEOUT_S + watchdog.CHECK_INTERVAL_S < standby.SILENCE_S
