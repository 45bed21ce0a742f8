"""Test the watchdog: threads that die are restarted, and threads that hang are reported."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from structlog.testing import capture_logs
from structlog.typing import EventDict

from exporter.aircall.client import Client
from exporter.archive import writer_thread
from exporter.archive.store import Archive
from exporter.config.settings import Refresh
from exporter.durations import Duration
from exporter.runtime import service, watchdog
from exporter.simulator.faults import Fault, Hang
from exporter.simulator.simulation import SimulatedAccount
from tests.support.running import Running, eventually, running

LIVE = Refresh(calls=Duration(1), availabilities=Duration(1))


@pytest.fixture(autouse=True)
def _short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Report a thread that hangs after a second instead of minutes."""
    monkeypatch.setattr(watchdog, "CHECK_INTERVAL_S", 0.05)
    monkeypatch.setattr(service, "HANG_TIMEOUT_S", 1.0)
    monkeypatch.setattr(writer_thread, "HANG_TIMEOUT_S", 1.0)


@pytest.fixture
def logged() -> Iterator[list[EventDict]]:
    with capture_logs() as lines:
        yield lines


@pytest.fixture
def exporter(logged: list[EventDict]) -> Iterator[Running]:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=time.time())
    with running(account, served={"rate_limit": 6000}, refresh=LIVE) as exporter:
        exporter.until_ready()
        yield exporter


def health(exporter: Running) -> tuple[int, str]:
    answer = requests.get(f"{exporter.url}/-/healthy", timeout=10)
    return answer.status_code, answer.text


def up(exporter: Running, thread: str) -> float | None:
    return exporter.scrape().value("aircall_exporter_thread_up", thread=thread)


def miss_a_call(account: SimulatedAccount) -> None:
    call = account.ring_in(next(iter(account.numbers)), "+33 1 11 11 11 11", at=time.time())
    account.miss(call.id, "short_abandoned")


def missed(exporter: Running) -> float:
    return exporter.scrape().sum("aircall_calls_total", outcome="missed")


def has_event(lines: list[EventDict], event: str) -> bool:
    return any(line["event"].startswith(event) for line in lines)


def test_watchdog_with_working_threads_reports_all_healthy(exporter: Running) -> None:
    assert health(exporter)[0] == 200
    for thread in ("poller", "archive"):
        assert up(exporter, thread) == 1
        assert exporter.scrape().value("aircall_exporter_thread_restarts_total", thread=thread) == 0


def test_watchdog_with_a_poller_that_hangs_fails_health_and_ages_grow(
    exporter: Running, logged: list[EventDict]
) -> None:
    hang = Hang()
    exporter.aircall.faults.append(Fault(lambda _: True, hang))
    eventually(lambda: health(exporter)[0] == 503)
    assert "the poller thread has hung for" in health(exporter)[1]
    assert up(exporter, "poller") == 0
    assert up(exporter, "archive") == 1
    assert "Restart the exporter: the poller thread has hung" in requests.get(exporter.url, timeout=10).text
    scrape = exporter.scrape()
    age, interval = (
        scrape.number(f"aircall_{name}_seconds", dataset="calls") for name in ("dataset_age", "poll_interval")
    )
    assert age > interval
    eventually(lambda: has_event(logged, "thread hangs, restart the exporter if this persists"))
    hang.released.set()
    exporter.aircall.faults.clear()
    eventually(lambda: health(exporter)[0] == 200)
    assert up(exporter, "poller") == 1
    eventually(lambda: has_event(logged, "thread works again after a hang"))


def before_next_call(
    monkeypatch: pytest.MonkeyPatch, owner: type, name: str, before: Callable[[], object]
) -> None:
    """Call a function before the next call of a method."""
    real = getattr(owner, name)

    def replacement(*arguments: Any) -> Any:
        monkeypatch.setattr(owner, name, real)
        before()
        return real(*arguments)

    monkeypatch.setattr(owner, name, replacement)


def die() -> None:
    raise SystemExit


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(("thread", "method"), [("poller", (Client, "send")), ("archive", (Archive, "save"))])
def test_watchdog_with_a_thread_that_dies_restarts_it_and_loses_no_call(
    exporter: Running,
    logged: list[EventDict],
    monkeypatch: pytest.MonkeyPatch,
    thread: str,
    method: tuple[type, str],
) -> None:
    miss_a_call(exporter.account)
    before_next_call(monkeypatch, *method, die)
    eventually(lambda: exporter.scrape().value("aircall_exporter_thread_restarts_total", thread=thread) == 1)
    miss_a_call(exporter.account)
    eventually(lambda: missed(exporter) == 2)
    exporter.until_polled()
    assert missed(exporter) == 2
    assert (health(exporter)[0], up(exporter, thread)) == (200, 1)
    assert has_event(logged, "thread died, restarted")


def test_watchdog_with_an_archive_that_hangs_fails_health_and_loses_no_call(
    exporter: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    continues = threading.Event()
    before_next_call(monkeypatch, Archive, "save", lambda: continues.wait(60))
    miss_a_call(exporter.account)
    try:
        eventually(lambda: health(exporter)[0] == 503)
        assert "the archive thread has hung for" in health(exporter)[1]
        scrape = exporter.until_polled()
        assert (scrape.value("aircall_archive_up"), scrape.value("aircall_up")) == (0, 1)
        assert up(exporter, "archive") == 0
    finally:
        continues.set()
    eventually(lambda: missed(exporter) == 1)
    assert (health(exporter)[0], exporter.scrape().value("aircall_archive_up")) == (200, 1)
