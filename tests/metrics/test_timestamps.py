"""Tests of exported UNIX times, which follow the wall clock, and of durations, which include suspends."""

import threading
import time
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.archive.store import Archive
from exporter.clock import Clocks, steady_clock
from exporter.config.settings import Settings
from exporter.metrics.exposition import WALL_CLOCK_STEP_S, Exposition
from exporter.metrics.process import ProcessMetrics
from exporter.runtime.service import Service
from exporter.webhooks.inbox import Inbox
from exporter.webhooks.metrics import WebhookMetrics
from exporter.worker_thread import WorkerThread
from harness.scrape import Scrape
from harness.simulated_time import NOON, Polled, SimulatedTime

HOURS = 3600.0
TOLERANCE_S = 120.0
"""Seconds that a busy machine may spend between two readings of a clock."""
CHANGED = "aircall_user_availability_changed_timestamp_seconds"
LAST_EVENT = "aircall_webhook_last_event_timestamp_seconds"
OF_AIRCALL = {
    "aircall_archive_complete_from_timestamp_seconds",
    "aircall_today_start_timestamp_seconds",
}
"""The start of a call and of a day, by Aircall's clock."""


@pytest.fixture
def exposition(world: Polled) -> Exposition:
    metrics = WebhookMetrics(world.instruments, world.time)
    inbox = Inbox(lambda: ("token",), metrics, world.time.steady)
    inbox.deliver(b'{"event": "call.created", "token": "token", "timestamp": 1, "data": {}}')
    return Exposition(
        world.poller.snapshot(), {"exporter": world.instruments}, world.writer.status, world.time
    )


def scraped(exposition: Exposition) -> Scrape:
    body, _ = exposition.expose("", zipped=False)
    return Scrape(parse_text(body.decode()))


def unix_times(scrape: Scrape) -> dict[tuple, float]:
    """Return all exported UNIX times of this machine's clock."""
    return {
        (name, labels): value
        for name, series in scrape.samples.items()
        if name.endswith("_timestamp_seconds") and name not in OF_AIRCALL
        for labels, value in series.items()
    }


@pytest.mark.parametrize("error", [-8 * HOURS, -2.0, 2.0, 8 * HOURS, 40 * 24 * HOURS])
def test_unix_times_wall_clock_set_after_the_start_follow_it(
    world: Polled, exposition: Exposition, error: float
) -> None:
    before = unix_times(scraped(exposition))
    assert {name for name, _ in before} == {CHANGED, LAST_EVENT}
    world.time.wall_error = error
    assert unix_times(scraped(exposition)) == {key: value + error for key, value in before.items()}
    exposition.update(world.poller.snapshot())
    assert unix_times(scraped(exposition)) == {key: value + error for key, value in before.items()}
    world.time.wall_error = error + WALL_CLOCK_STEP_S / 2
    assert scraped(exposition).all(CHANGED) == {
        labels: value + error for (name, labels), value in before.items() if name == CHANGED
    }


def test_unix_times_after_a_suspend_are_unchanged(world: Polled, exposition: Exposition) -> None:
    before = scraped(exposition)
    world.time.now += 8 * HOURS
    after = scraped(exposition)
    assert unix_times(after) == unix_times(before)
    age = [scrape.number("aircall_dataset_age_seconds", dataset="calls") for scrape in (before, after)]
    assert age[1] - age[0] == pytest.approx(8 * HOURS)


def test_last_event_after_suspends_and_clock_changes_has_the_true_age(world: Polled) -> None:
    """The alert AircallWebhookSilent compares this time with the time of Prometheus."""
    metrics = WebhookMetrics(world.instruments, world.time)
    inbox = Inbox(lambda: ("token",), metrics, world.time.steady)
    for suspended, set_by in ((0.0, 0.0), (9 * HOURS, 0.0), (0.0, 9 * HOURS), (30.0, -5 * HOURS)):
        world.time.now += suspended
        world.time.wall_error += set_by
        inbox.deliver(b'{"event": "call.created", "token": "token", "timestamp": 1, "data": {}}')
        world.time.now += 60
        last = Scrape.of(world.instruments).number(LAST_EVENT)
        assert world.time.wall() - last == pytest.approx(60)


def test_user_states_wall_clock_set_are_archived_in_unix_time() -> None:
    clocks = SimulatedTime()
    service = Service(Settings(), Archive("sqlite://"), clocks)
    service._poller.account.reference_data.apply_availability(7, "available", NOON - 60)
    service._poller.account.reference_data.known.add("availabilities")
    service._publisher.publish()
    clocks.wall_error = 8 * HOURS
    assert service._writer._user_states() == {7: ("available", NOON - 60 + 8 * HOURS)}


def test_process_start_time_wall_clock_set_follows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = CollectorRegistry()
    process = ProcessMetrics(registry=registry)

    def started() -> float:
        return Scrape(parse_text(generate_latest(registry).decode())).number("process_start_time_seconds")

    before, boot = started(), process._boot_time()
    monkeypatch.setattr(process, "_boot_time", lambda: boot + 8 * HOURS)
    assert started() == pytest.approx(before + 8 * HOURS)


def test_steady_clock_suspend_and_wall_clock_set_counts_the_suspend_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    suspended = 0.0
    real = time.clock_gettime
    monkeypatch.setattr(
        time, "clock_gettime", lambda which: real(which) + suspended * (which == time.CLOCK_BOOTTIME)
    )
    clocks = Clocks(steady_clock())
    start = clocks.steady()
    assert start == pytest.approx(time.time(), abs=TOLERANCE_S)
    assert clocks.unix(start) == pytest.approx(start, abs=TOLERANCE_S)
    suspended = 8 * HOURS
    assert clocks.steady() - start == pytest.approx(8 * HOURS, abs=TOLERANCE_S)
    wall = time.time() + 8 * HOURS - 600
    monkeypatch.setattr(time, "time", lambda: wall)
    assert clocks.steady() - start == pytest.approx(8 * HOURS, abs=TOLERANCE_S)
    assert Clocks(clocks.steady).unix(start) == pytest.approx(start - 600, abs=TOLERANCE_S)


def test_steady_clock_system_without_boottime_is_monotonic(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: int) -> float:
        raise OSError

    monkeypatch.setattr(time, "clock_gettime", unknown)
    clock = steady_clock()
    assert clock() == pytest.approx(time.time(), abs=TOLERANCE_S)


@pytest.fixture
def turn_may_end() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_worker_thread_suspend_during_a_turn_has_no_problem(turn_may_end: threading.Event) -> None:
    clock, busy = SimulatedTime(), threading.Event()

    def turn() -> float:
        busy.set()
        turn_may_end.wait(60)
        return clock.now + 60

    loop = WorkerThread("poller", turn, clock.steady, hang_timeout=120)
    loop.start()
    assert busy.wait(60)
    clock.now += 8 * HOURS
    assert loop.problem is None
    turn_may_end.set()
    loop.stop(60)
