"""Run the exporter: a start without faults, faults, an end without faults, and the comparison."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random

from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from exporter.simulator.webhook_delivery import DeliveryThread
from exporter.simulator.webhooks import SimulatedWebhook
from harness import expected_counts as ledger
from harness.addresses import free_address
from harness.chaos import call_backs, database, events, plan
from harness.chaos.database import Database
from harness.chaos.exporter import LAST, TOKEN, Exporter
from harness.chaos.faults import ApiFaults
from harness.chaos.journal import Journal
from harness.chaos.plan import Difference, FirstStart
from harness.chaos.reading import unread
from harness.chaos.tracks import Track
from harness.chaos.watch import Watch
from harness.process import credential
from harness.scrape import Scrape

HISTORY_S = 1800.0
"""Seconds of the account's history before the exporter's first start."""

ROUNDING_S = 2
"""Seconds by which the observed beginning of counting may differ from the real one."""

READY_SECONDS = 120.0
"""Seconds in which the first start must fetch all data."""

CHECK_INTERVAL_S = 0.5
"""Seconds between two checks of the exporter's metrics."""

NEARBY_S = 60.0
"""Seconds before and after a call in which actions may have affected it."""
MAX_PRINTED_CALLS = 5
"""Maximum number of calls of a difference whose surrounding actions are printed."""


@dataclass(frozen=True)
class Options:
    """The options of a run.

    `every` is the average pause between two faults of a kind, in seconds. All data must have been fetched
    `settle` seconds after the end. Only the faults of `kinds` occur.
    """

    database: str = "sqlite"
    seconds: float = 3600.0
    seed: int = 1
    users: int = 40
    calls_per_hour: float = 1500.0
    requests_per_minute: int = 600
    every: float = 15.0
    settle: float = 600.0
    kinds: tuple[str, ...] = ("exporter", "database", "API", "events")
    loud: bool = False


class ShortCallsAccount(SimulatedAccount):
    """A company with short calls, so that more of them begin and end during faults."""

    talk_scale = 0.25


class Chaos:
    """A simulated account, its exporter, and the faults of both."""

    def __init__(self, options: Options, archive: Database, directory: Path) -> None:
        self.options, self.archive = options, archive
        self.journal = Journal(options.loud)
        self.account = ShortCallsAccount(
            options.users,
            options.calls_per_hour,
            options.seed,
            time.time(),
            HISTORY_S,
            repeat_callers=True,
        )
        self.aircall = SimulatedAircall(
            self.account,
            rate_limit=options.requests_per_minute,
            port=int(free_address().rpartition(":")[2]),
        )
        self.way = events.CountedConditions(seed=options.seed, **events.USUAL)
        self.office = DeliveryThread(self.account, self.aircall.webhooks, self.way, time.time)
        self.said_after = self.settled_after = 0.0
        """Seconds from the end of the faults until the exporter reported all data, and until it had them."""
        self._directory = directory
        self._closing = ExitStack()

    def __enter__(self) -> "Chaos":
        self._closing.enter_context(self.aircall)
        fixed = {
            "storage": {"url": self.archive.url},
            "refresh": {"calls": "2s", "availabilities": "3s"},
            "webhook": {"token": TOKEN, "refresh": "5s"},
            "call_backs": call_backs.SETTINGS,
        }
        self.faults = ApiFaults(self.aircall, self._random("answers"))
        self.exporter = Exporter(
            self._directory, fixed, credential(self.aircall), self._random("settings"), self.journal
        )
        self.watch = Watch(self.exporter, self.faults, self._at_most)
        self._closing.callback(self.exporter.kill)
        self._closing.callback(self.office.stop)
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def run(self) -> list[Difference]:
        """Start, run the faults, and compare. Returns the differences."""
        self._start()
        self._run_faults()
        self._end_faults()
        return self.compare_once_read()

    def compare(self, scrape: Scrape) -> list[Difference]:
        """Compare the archive and the counters with the account."""
        with self.account.lock:
            archived = ledger.archived_calls(database.rows(self.archive.url))
            callers = {"hidden", LAST["caller"]}
            counts = ledger.counted(scrape)
            return [
                *plan.differing_calls(self.account, self.first, archived, callers),
                *plan.differing_counters(self.account, self.first, archived, counts),
                *call_backs.differing_call_backs(self.account, self.archive.url, scrape),
            ]

    def compare_once_read(self) -> list[Difference]:
        """Compare after the exporter reports all data as fetched. If that was wrong, repeat for some time."""
        deadline = time.monotonic() + self.options.settle
        begun = time.time()
        while True:
            scrape = self._until_read(deadline)
            self.said_after = self.said_after or time.time() - begun
            differences = self.compare(scrape)
            self.watch.check()
            self.settled_after = time.time() - begun
            if left := unread(scrape):
                differences.insert(0, Difference(f"the exporter did not say that all was read: {left}"))
            if not differences or time.monotonic() > deadline:
                return differences
            time.sleep(CHECK_INTERVAL_S)

    def _start(self) -> None:
        """Start the exporter for the first time, and wait until it has fetched all data."""
        period = 300
        begun = time.time()
        self.exporter.start()
        self._until(lambda scrape: scrape.value("aircall_up") == 1, READY_SECONDS)
        polled = time.time()
        self._until_read(time.monotonic() + READY_SECONDS)
        self._until(lambda scrape: bool(scrape.all("aircall_team_calls_total")), READY_SECONDS)
        counting_from = (begun - period - ROUNDING_S, polled - period + ROUNDING_S)
        self.first = FirstStart(counting_from, (begun, time.time()))
        self.aircall.webhooks.add(SimulatedWebhook(f"{self.exporter.url}/webhook", token=TOKEN))
        self.office.start()

    def _run_faults(self) -> None:
        stopped = threading.Event()
        tracks = list(self._tracks())
        with ThreadPoolExecutor(len(tracks) + 1) as threads:
            running = [threads.submit(track.run, self.journal, stopped) for track in tracks]
            running.append(threads.submit(self.watch.run, stopped))
            wait(running, self.options.seconds, FIRST_COMPLETED)
            stopped.set()
            wait(running)
            for thread in running:
                thread.result()

    def _tracks(self) -> Iterator[Track]:
        every = self.options.every
        pause = (every / 3, every * 5 / 3)
        kinds = {
            "exporter": (self.exporter.actions(), (0.1, every / 2)),
            "database": (self.archive.actions(), (0.5, 20.0)),
            "API": (self.faults.actions(), (1.0, every)),
            "events": (events.actions(self.way), (5.0, 2 * every)),
        }
        for kind in self.options.kinds:
            actions, lasting = kinds[kind]
            yield Track(kind, actions, pause, lasting, self._random(kind))

    def _end_faults(self) -> None:
        """End all calls, and run the exporter without faults, with the settings of the comparison."""
        self.journal.note("calm", "no more chaos, all calls end")
        self.account.stop_traffic()
        with self.account.lock:
            for id_ in ledger.open_calls(self.account):
                call = self.account.calls[id_]
                if call.direction == "inbound" and call.status == "initial":
                    self.account.miss(id_, "no_available_agent")
                else:
                    self.account.hang_up(id_)
        self.exporter.terminate()
        self.exporter.settings = dict(LAST)
        self.exporter.start()

    def _until_read(self, deadline: float) -> Scrape:
        """Wait until the exporter reports all data as fetched and archived. Returns that scrape.

        Returns the last scrape before `deadline` (monotonic clock) if it does not.
        """
        return self._until(lambda scrape: not unread(scrape), deadline - time.monotonic())

    def _until(self, holds: Callable[[Scrape], bool], within: float) -> Scrape:
        deadline = time.monotonic() + within
        while True:
            scrape = Scrape.at(self.exporter.url)
            if holds(scrape) or time.monotonic() > deadline:
                return scrape
            time.sleep(CHECK_INTERVAL_S)

    def _at_most(self) -> ledger.Counts:
        with self.account.lock:
            return plan.may_be_counted(self.account, self.first)

    def around(self, difference: Difference) -> list[str]:
        """Return the actions around the calls of a difference."""
        calls = difference.calls[-MAX_PRINTED_CALLS:]
        if not calls:
            return []
        begun = min(call.started_at for call in calls)
        return self.journal.around(begun - NEARBY_S, max(c.ended_at or time.time() for c in calls) + NEARBY_S)

    def _random(self, kind: str) -> Random:
        return Random(f"{kind} {self.options.seed}")  # noqa: S311 (a simulation)
