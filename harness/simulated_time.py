"""The exporter against the simulated account, over real HTTP, in a time that runs as fast as it can."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prometheus_client import CollectorRegistry

from exporter.account.records import Batch
from exporter.aircall.client import Client, ClientMetrics
from exporter.archive.store import Archive
from exporter.archive.writer_thread import ArchiveWriter, WriterCallbacks
from exporter.clock import Clocks
from exporter.config.settings import Aircall, Refresh, Settings
from exporter.durations import Duration
from exporter.polling.poller import Poller
from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from harness.reference_exposition import PlainCollector
from harness.scrape import Scrape

NOON = 1_780_000_000.0
REFRESH = Refresh(calls=Duration(10), availabilities=Duration(10))
"""Twice the default interval, because half as many polls are enough for most tests and take half the time."""

LATENCY = 0.1
"""Seconds of simulated time that a request takes."""


class SimulatedTime(Clocks):
    """Clocks that stand still until they are moved."""

    def __init__(self, now: float = NOON) -> None:
        super().__init__(lambda: self.now, lambda: self.now + self.wall_error)
        self.now = now
        self.wall_error = 0.0
        """Seconds by which the machine's wall clock was set ahead after the start."""

    def __call__(self) -> float:
        """Return the time (UNIX seconds)."""
        return self.now


class Polled:
    """A poller that lives in simulated time, and what it would serve."""

    def __init__(
        self, aircall: SimulatedAircall, time: SimulatedTime, archive: Archive, **settings: Any
    ) -> None:
        self.aircall, self.account, self.time, self.archive = aircall, aircall.account, time, archive
        api = Aircall(aircall.api_id, aircall.api_token, base_url=aircall.base_url)
        self.settings = Settings(aircall=api, **({"refresh": REFRESH} | settings))
        self.instruments = CollectorRegistry()
        self.client = Client(api.base_url, api.api_id, api.api_token, ClientMetrics(self.instruments))
        self.poller = Poller(self.settings, self.client, self.instruments, time, self._submit)
        self.writer = ArchiveWriter(
            archive,
            time,
            WriterCallbacks(self.poller.restore, self.poller.batch_saved, self.poller.set_manual_backfill),
            settings=lambda: self.settings,
        )
        self.writer.maintenance.removal.aircall_time = self.poller.aircall_time
        self.registry = CollectorRegistry()
        self.registry.register(PlainCollector(self.poller.snapshot, self.writer.status, time))
        self.registry.register(self.instruments)

    def _submit(self, batch: Batch) -> None:
        self.writer.submit(batch)

    def step(self, until: float) -> None:
        """Let the poller do one thing, and go to where it wants to be asked again."""
        self.writer.step()
        come_again = self.poller.step()
        self.writer.step()
        self.time.now = min(until, come_again) if come_again > self.time.now else self.time.now + LATENCY

    def live(self, seconds: float) -> None:
        """Let `seconds` go by."""
        until = self.time.now + seconds
        while self.time.now < until:
            self.step(until)

    def live_until_complete(self, within: float = 600) -> dict[str, float]:
        """Advance the time until all datasets have been fetched. Returns the seconds that each took."""
        begun, known = self.time.now, self.poller.account.known
        known_after: dict[str, float] = {}
        while len(known_after) < 7:
            assert self.time.now < begun + within, f"only {known} after {within} s"
            self.step(begun + within)
            known_after |= dict.fromkeys(known - known_after.keys(), self.time.now - begun)
        return known_after

    def freeze(self) -> None:
        """Let the account stand still while the exporter's time goes on, and have it read once more."""
        now = self.time.now
        self.aircall.clock = lambda: now
        self.poll()

    def poll(self) -> None:
        """Advance the time until calls and availabilities have both been fetched again."""
        begun = self.time.now
        while any(
            (polling.as_of or 0) < begun
            for name, polling in self.poller.status().datasets.items()
            if name in ("calls", "availabilities")
        ):
            self.step(self.time.now + 60)

    def scrape(self) -> Scrape:
        """Return the samples of a scrape at this time."""
        return Scrape.of(self.registry)


@contextmanager
def polled(
    account: SimulatedAccount,
    *,
    served: dict[str, Any] | None = None,
    archive: Archive | None = None,
    **settings: Any,
) -> Iterator[Polled]:
    """Serve `account` with the given properties of the API, and poll it with the given settings."""
    served = served or {}
    time = SimulatedTime(account.now - served.get("clock_skew", 0))
    with SimulatedAircall(account, clock=time, **served) as aircall:
        world = Polled(aircall, time, archive or Archive("sqlite://"), **settings)
        try:
            yield world
        finally:
            world.client.close()
            world.writer.stop()
