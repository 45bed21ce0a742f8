"""Test several exporters of one account: one is the leader, the others are on standby."""

import math
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from structlog.testing import capture_logs

from exporter.account.records import Batch
from exporter.archive.database import ArchiveError, LostLeadershipError
from exporter.archive.leader_election import LeaderState
from exporter.archive.standby import (
    LATE_REJOIN_GRACE_S,
    REJOIN_GRACE_S,
    SILENCE_S,
    SUSPENDED_AFTER_S,
    Standby,
)
from exporter.archive.standby import LOST as MAY_RETURN
from exporter.archive.store import Archive
from harness.expected_counts import archived_calls, counted, expected_calls, to_be_counted
from harness.postgres import Postgres, end_sessions
from harness.scrape import Scrape
from tests.support.exporter_pair import STANDS_BY, Pair, holders, is_leader, readiness
from tests.support.running import eventually


@pytest.fixture
def url(postgres_server: Postgres) -> str:
    return postgres_server.database("standby")


@pytest.fixture
def pair(url: str, tmp_path: Path) -> Iterator[Pair]:
    with ExitStack() as stack:
        yield Pair(url, tmp_path, stack)


@pytest.fixture(scope="module")
def lasting_pair(postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Run a pair of exporters whose leader stays the leader in each test."""
    with ExitStack() as stack:
        yield Pair(postgres_server.database("lasting"), tmp_path_factory.mktemp("pair"), stack)


def test_standby_while_another_exporter_leads_exposes_nothing_of_the_account(lasting_pair: Pair) -> None:
    lasting_pair.company.until_polled(lasting_pair.leader, times=3)
    scrape = Scrape.at(lasting_pair.standby.url)
    assert scrape.value("aircall_exporter_leader") == 0
    assert scrape.number("process_resident_memory_bytes") > 0
    families = {name for name in scrape.samples if name.startswith("aircall_")}
    assert all(name.startswith("aircall_exporter_") for name in families), families
    assert scrape.labels("aircall_exporter_thread_up", "thread") == {"poller", "archive"}
    assert requests.get(f"{lasting_pair.standby.url}/-/ready", timeout=10).status_code == 503
    assert requests.get(f"{lasting_pair.standby.url}/-/healthy", timeout=10).ok
    assert "On standby: another exporter polls" in requests.get(lasting_pair.standby.url, timeout=10).text
    for path in ("/-/refresh", "/webhook"):
        assert requests.post(lasting_pair.standby.url + path, timeout=10).status_code == 503
    assert is_leader(lasting_pair.leader)


def test_leader_that_is_terminated_is_replaced_at_once(pair: Pair) -> None:
    pair.leader.process.terminate()
    assert pair.leader.process.wait(20) == 0
    pair.take_over()
    assert not any(MAY_RETURN in line for line in pair.leader.lines)


def test_leader_that_is_killed_is_replaced_and_no_call_is_counted_twice(pair: Pair) -> None:
    pair.company.until_polled(pair.leader, times=3)
    pair.leader.kill()
    pair.take_over()
    pair.company.until_polled(pair.leader, times=2)
    scrape = pair.company.fetch_all(pair.leader)
    assert archived_calls(pair.company.rows()) == expected_calls(pair.company.account)
    assert counted(scrape) == to_be_counted(pair.company.account)


def test_leader_that_is_suspended_during_a_takeover_exits(pair: Pair, url: str) -> None:
    pair.company.until_polled(pair.leader)
    os.kill(pair.leader.process.pid, signal.SIGSTOP)
    end_sessions(url)
    pair.take_over()
    os.kill(pair.standby.process.pid, signal.SIGCONT)
    assert pair.standby.process.wait(20) == 1
    assert pair.standby.logged("another exporter took over")
    assert is_leader(pair.leader)


def test_leader_whose_session_is_ended_takes_the_lock_again(lasting_pair: Pair) -> None:
    before = eventually(lambda: holders(lasting_pair.company.database))
    end_sessions(lasting_pair.company.database)
    eventually(
        lambda: holders(lasting_pair.company.database) and holders(lasting_pair.company.database) != before
    )
    eventually(lambda: readiness(lasting_pair.standby) == STANDS_BY)
    lasting_pair.company.until_polled(lasting_pair.leader)
    assert is_leader(lasting_pair.leader)


def test_leader_and_standby_during_a_database_outage_keep_their_roles(
    lasting_pair: Pair, postgres_server: Postgres
) -> None:
    lasting_pair.company.until_polled(lasting_pair.leader)
    postgres_server.stop()
    try:
        lasting_pair.standby.logged("the database that determines who polls this account is unavailable")
        eventually(lambda: Scrape.at(lasting_pair.leader.url).value("aircall_archive_up") == 0)
        lasting_pair.company.until_polled(lasting_pair.leader, times=3)
    finally:
        postgres_server.start()
    eventually(lambda: Scrape.at(lasting_pair.leader.url).value("aircall_archive_up") == 1)
    eventually(lambda: readiness(lasting_pair.standby) == STANDS_BY)
    assert is_leader(lasting_pair.leader)


def test_exclusive_archive_in_use_rejects_another_exporter(url: str) -> None:
    first, second = Archive(url, exclusive=True), Archive(url, exclusive=True)
    assert second.leader_state() is LeaderState.NEVER_HELD
    first.load()
    assert second.leader_state() is LeaderState.HELD
    with pytest.raises(LostLeadershipError, match="another exporter polls this account"):
        second.load()
    first.close()
    eventually(lambda: second.leader_state() is LeaderState.LOST)
    second.load()
    second.save(Batch(names={("user", "1"): "Ada"}))
    with pytest.raises(LostLeadershipError, match="another exporter polls this account"):
        first.save(Batch(names={("user", "1"): "Bob"}))
    second.release_leadership()
    second.close()
    third = Archive(url, exclusive=True)
    eventually(lambda: third.leader_state() is LeaderState.RELEASED)
    for write in (
        lambda: first.save(Batch(names={("user", "1"): "Bob"})),
        lambda: first.heartbeat(1),
    ):
        with pytest.raises(LostLeadershipError, match="another exporter has polled this account meanwhile"):
            write()
    first.close()
    eventually(lambda: third.leader_state() is LeaderState.RELEASED)
    assert third.load().names == {("user", "1"): "Ada"}
    third.close()


HELD, LOST, RELEASED, NEVER_HELD = (
    LeaderState.HELD,
    LeaderState.LOST,
    LeaderState.RELEASED,
    LeaderState.NEVER_HELD,
)
AWAY = None
"""Stands for a database that is unavailable."""


def leader_states(*found: LeaderState | None) -> Callable[[], LeaderState]:
    """Return a function that returns these states one after the other, and raises an error for `AWAY`."""
    states = iter(found)

    def next_state() -> LeaderState:
        state = next(states)
        if state is None:
            raise ArchiveError("away")
        return state

    return next_state


@pytest.mark.parametrize(
    ("found", "grace"),
    [
        ([HELD, LOST], REJOIN_GRACE_S),
        ([AWAY, LOST], LATE_REJOIN_GRACE_S),
        ([AWAY, HELD, LOST], REJOIN_GRACE_S),
        ([LOST, HELD, LOST], REJOIN_GRACE_S),
        ([LOST, AWAY, LOST], LATE_REJOIN_GRACE_S),
    ],
)
def test_standby_after_the_lock_is_lost_waits_for_the_leader_to_return(
    found: list[LeaderState | None], grace: float
) -> None:
    standby, now = Standby(leader_states(*found, LOST, LOST)), time.time()
    with capture_logs():
        for _ in found:
            now += 1
            assert not standby.may_take_over(now)
        assert not standby.may_take_over(now + grace - 0.1)
        assert standby.may_take_over(now + grace)
    assert standby.spent_until == now


@pytest.mark.parametrize(("found", "spent_until"), [(RELEASED, 1000.0), (NEVER_HELD, -math.inf)])
def test_standby_with_a_released_or_unused_lock_takes_over_at_once(
    found: LeaderState, spent_until: float
) -> None:
    standby = Standby(leader_states(found))
    assert standby.may_take_over(1000.0)
    assert standby.spent_until == spent_until


def test_standby_ends_session_of_silent_exporter_only() -> None:
    heartbeats, ended = iter([1, 2, 2, 2, 3, 3, 3, 3]), list[float]()
    now = 0.0

    def end_silent() -> bool:
        ended.append(now)
        return True

    standby = Standby(lambda: HELD, lambda: next(heartbeats), end_silent)
    with capture_logs():
        for step in (0, 20, 20, 20, 20, 20, 20, 20):
            now += step
            assert not standby.may_take_over(now)
    assert not ended
    heartbeats = iter([4] * 100)
    with capture_logs():
        for _ in range(30):
            now += 20
            standby.may_take_over(now)
    assert len(ended) == 3  # once in every SILENCE_S while it stays silent
    assert ended[0] >= SILENCE_S


def test_standby_that_was_suspended_itself_ends_no_session() -> None:
    ended: list[float] = []
    standby = Standby(lambda: HELD, lambda: 1, lambda: ended.append(1.0))
    with capture_logs():
        for now in (0.0, SILENCE_S + SUSPENDED_AFTER_S + 1, 2 * (SILENCE_S + SUSPENDED_AFTER_S + 1)):
            standby.may_take_over(now)
    assert not ended


def test_standby_without_permission_to_end_sessions_stays_on_standby() -> None:
    def refuse() -> bool:
        raise ArchiveError("permission denied")

    standby = Standby(lambda: HELD, lambda: 1, refuse)
    with capture_logs() as logged:
        assert not any(standby.may_take_over(float(now)) for now in range(0, 400, 10))
    assert any(line.get("problem") == "permission denied" for line in logged)
