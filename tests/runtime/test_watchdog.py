"""A thread that dies or hangs is noticed, and one that died goes on where it was."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from structlog.testing import capture_logs

from exporter.aircall.client import Client
from exporter.archive import writer
from exporter.archive.store import Archive
from exporter.config.settings import Refresh
from exporter.durations import Duration
from exporter.runtime import service, watchdog
from exporter.simulator.faults import Fault, Hang
from exporter.simulator.simulation import SimulatedAccount
from tests.support.running import Running, eventually, running

LIVE = Refresh(calls=Duration(1), availabilities=Duration(1))


@pytest.fixture(autouse=True)
def _attentive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for minutes here."""
    monkeypatch.setattr(watchdog, "CHECK_INTERVAL_S", 0.05)
    monkeypatch.setattr(service, "HANG_TIMEOUT_S", 1.0)
    monkeypatch.setattr(writer, "HANG_TIMEOUT_S", 1.0)


@pytest.fixture
def logged() -> Iterator[list]:
    with capture_logs() as lines:
        yield lines


@pytest.fixture
def exporter(logged: list) -> Iterator[Running]:
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


def said(lines: list, event: str) -> bool:
    return any(line["event"].startswith(event) for line in lines)


def test_watchdog_with_working_threads_reports_all_healthy(exporter: Running) -> None:
    assert health(exporter)[0] == 200
    for thread in ("poller", "archive"):
        assert up(exporter, thread) == 1
        assert exporter.scrape().value("aircall_exporter_thread_restarts_total", thread=thread) == 0


def test_watchdog_with_a_poller_that_hangs_fails_health_and_ages_grow(
    exporter: Running, logged: list
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
        scrape.value(f"aircall_{name}_seconds", dataset="calls") for name in ("dataset_age", "poll_interval")
    )
    assert age > interval
    eventually(lambda: said(logged, "thread hangs, restart the exporter if this persists"))
    hang.released.set()
    exporter.aircall.faults.clear()
    eventually(lambda: health(exporter)[0] == 200)
    assert up(exporter, "poller") == 1
    eventually(lambda: said(logged, "thread works again after a hang"))


def once(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, instead: Callable[[], object]) -> None:
    """Do something else the next time that a method is called."""
    real = getattr(owner, name)

    def method(*arguments: Any) -> Any:
        monkeypatch.setattr(owner, name, real)
        instead()
        return real(*arguments)

    monkeypatch.setattr(owner, name, method)


def die() -> None:
    raise SystemExit


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(("thread", "doing"), [("poller", (Client, "send")), ("archive", (Archive, "save"))])
def test_watchdog_with_a_thread_that_dies_restarts_it_and_loses_no_call(
    exporter: Running, logged: list, monkeypatch: pytest.MonkeyPatch, thread: str, doing: tuple[type, str]
) -> None:
    miss_a_call(exporter.account)
    once(monkeypatch, *doing, die)
    eventually(lambda: exporter.scrape().value("aircall_exporter_thread_restarts_total", thread=thread) == 1)
    miss_a_call(exporter.account)
    eventually(lambda: missed(exporter) == 2)
    exporter.until_polled()
    assert missed(exporter) == 2
    assert (health(exporter)[0], up(exporter, thread)) == (200, 1)
    assert said(logged, "thread died, restarted")


def test_watchdog_with_an_archive_that_hangs_fails_health_and_loses_no_call(
    exporter: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()
    once(monkeypatch, Archive, "save", lambda: goes_on.wait(60))
    miss_a_call(exporter.account)
    try:
        eventually(lambda: health(exporter)[0] == 503)
        assert "the archive thread has hung for" in health(exporter)[1]
        scrape = exporter.until_polled()
        assert (scrape.value("aircall_archive_up"), scrape.value("aircall_up")) == (0, 1)
        assert up(exporter, "archive") == 0
    finally:
        goes_on.set()
    eventually(lambda: missed(exporter) == 1)
    assert (health(exporter)[0], exporter.scrape().value("aircall_archive_up")) == (200, 1)
