"""Which calls are counted if exporters start, end and open the archive at random times."""

import json
from collections.abc import Callable
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import create_engine, inspect

from exporter.account.records import Counting
from exporter.aircall.events import Event
from exporter.archive import metadata_table
from exporter.archive.writer_thread import WriterCallbacks
from exporter.durations import Duration
from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from harness.expected_counts import counted, to_be_counted
from harness.simulated_time import NOON, Polled, SimulatedTime
from harness.unavailable_archive import UnavailableArchive
from tests.support.archive_contents import rows
from tests.support.calls import apply_event, call_event

PERIODS = st.sampled_from((30, 900, 7200))
DELIVERED = st.sampled_from(("at once", "late", "never"))

RESTARTS = st.tuples(PERIODS, st.sampled_from((0, 300, 9000)), st.booleans())

steps = st.lists(
    st.one_of(
        st.tuples(st.just("restart"), RESTARTS),
        st.tuples(st.just("raise_period"), PERIODS),
        st.tuples(st.just("lock"), st.booleans()),
        st.tuples(st.just("live"), st.sampled_from((0.3, 2, 40))),
        st.tuples(st.just("live"), st.sampled_from((0.3, 2, 40))),
        st.tuples(st.just("ring"), DELIVERED),
        st.tuples(st.just("end"), DELIVERED),
        st.tuples(st.just("end"), DELIVERED),
        st.tuples(st.just("deliver"), st.none()),
    ),
    min_size=8,
    max_size=30,
)


class Threaded(Polled):
    """A poller that receives the reports of the archive later, as it does between two threads."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._reports: list[Callable[[], object]] = []
        listener = self.writer._listener
        self.writer._listener = WriterCallbacks(
            lambda memory: self._reports.append(lambda: listener.on_loaded(memory)),
            lambda saved, progress: self._reports.append(lambda: listener.on_saved(saved, progress)),
            lambda spans: self._reports.append(lambda: listener.on_manual_backfill(spans)),
        )
        self.writer._saver._saved = self.writer._listener.on_saved

    def step(self, until: float) -> None:
        reports, self._reports = self._reports, []
        super().step(until)
        for report in reports:
            report()


class Script:
    """An account, an archive, and at most one exporter at a time; each step of a script is a method."""

    def __init__(self, database: str) -> None:
        self.database, self.time = database, SimulatedTime()
        self.account = SimulatedAccount(users=4, calls_per_hour=0, start=NOON, history=7000)
        self.aircall = SimulatedAircall(self.account, clock=self.time, rate_limit=6000)
        self.world: Polled | None = None
        self.archive = UnavailableArchive(database)
        self.locked = False
        self.going_on: list[int] = []
        self.late: list[Event] = []
        self.decided: Counting | None = None
        for ago in (6000, 3000, 800):
            call = self._ring(NOON - ago)
            self.account.miss(call, "short_abandoned", at=NOON - ago + 100)
            self.going_on.append(self._ring(NOON - ago))

    def restart(self, how: tuple[int, int, bool]) -> None:
        """Kill the exporter, let time go by, and start another; the archive may be locked from then on."""
        period, off, locked = how
        self.kill(off)
        self.lock(locked)
        self.start(period)

    def start(self, period: int) -> None:
        self.archive = UnavailableArchive(self.database)
        self.archive.unavailable = self.locked
        self.world = Threaded(self.aircall, self.time, self.archive, activity_period=Duration(period))

    def raise_period(self, period: int) -> None:
        if self.world is not None:
            self.world.settings = replace(self.world.settings, activity_period=Duration(period))
            self.world.poller.configure(self.world.settings, self.world.client)

    def kill(self, off: int) -> None:
        """Kill the exporter, which loses unsaved data."""
        if self.world is not None:
            self.world.client.close()
            self.archive.close()
            self.world = None
        self.time.now += off
        self.account.advance(self.time.now)

    def lock(self, locked: bool) -> None:
        self.locked = locked
        if self.world is not None:
            self.archive.unavailable = locked

    def live(self, seconds: float) -> None:
        if self.world is None:
            self.time.now += seconds
        else:
            self.world.live(seconds)
        self.check_decision()

    def ring(self, delivered: str) -> None:
        self.going_on.append(self._ring(self.time.now))
        self._report("call.created", self.going_on[-1], delivered)

    def end(self, delivered: str) -> None:
        if self.going_on:
            call = self.going_on.pop(0)
            self.account.miss(call, "short_abandoned", at=self.time.now)
            self._report("call.ended", call, delivered)

    def deliver(self, _: None = None) -> None:
        if self.world is not None and self.world.poller.ready_for_events:
            for event in self.late:
                apply_event(self.world, event)
            self.late = []

    def check_decision(self) -> None:
        """Assert that the decision which calls count has not changed."""
        engine = create_engine(self.database)
        with engine.connect() as connection:
            decided = metadata_table.counting(connection) if inspect(connection).has_table("state") else None
        engine.dispose()
        assert self.decided in (None, decided)
        self.decided = decided

    def finish(self) -> None:
        """Let the time go on until all calls are fetched and saved."""
        self.lock(False)
        if self.world is None:
            self.start(900)
        self.deliver()
        assert self.world is not None
        account = self.world.poller.account
        for _ in range(60):
            self.live(40)
            unread = account.coverage.seconds_missing or account.ledger.unfinished_ids
            if not unread and account.calls.active.keys() == set(self.going_on):
                break
        else:
            raise AssertionError(f"not fetched: {unread}")
        self.live(40)

    def _ring(self, at: float) -> int:
        return self.account.ring_in(next(iter(self.account.numbers)), "+33 1 11 11 11 11", at=at).id

    def _report(self, name: str, call: int, delivered: str) -> None:
        event = call_event(name, self.account.calls[call], self.time.now)
        if delivered == "late":
            self.late.append(event)
        if delivered == "at once" and self.world is not None and self.world.poller.ready_for_events:
            apply_event(self.world, event)


def run(script: Script, first_start: int | None, todo: list) -> None:
    with script.aircall:
        if first_start:
            script.start(first_start)
            script.live(40)
        for step, argument in todo:
            getattr(script, step)(argument)
        script.finish()
        assert script.decided is not None
        assert script.world is not None
        scrape = script.world.scrape()
        script.kill(0)
    decided = script.decided
    assert decided.ended_from is not None
    expected = {
        call.id
        for call in script.account.calls.values()
        if call.ended_at is not None
        and (call.started_at >= decided.started_from or call.ended_at >= decided.ended_from)
    }
    assert {row.id for row in rows(script.database) if row.counted} == expected
    totals = {tuple(json.loads(row.key)): row.value for row in rows(script.database, "totals")}
    assert sum(value for key, value in totals.items() if key[0] == "calls") == len(expected)
    for call_id in script.account.calls.keys() - expected:
        del script.account.calls[call_id]
    assert counted(scrape) == to_be_counted(script.account)


@settings(max_examples=12)
@given(st.none() | PERIODS, steps)
def test_counting_random_starts_kills_and_late_archives_counts_each_call_once(
    first_start: int | None, todo: list
) -> None:
    with TemporaryDirectory() as directory:
        run(Script(f"sqlite:///{directory}/archive.sqlite"), first_start, todo)


SCRIPT = [
    ("ring", "at once"),
    ("live", 40),
    ("restart", (30, 9000, True)),
    ("live", 2),
    ("end", "at once"),
    ("end", "never"),
    ("ring", "late"),
    ("live", 40),
    ("raise_period", 7200),
    ("live", 40),
    ("restart", (7200, 300, True)),
    ("live", 2),
    ("deliver", None),
    ("end", "late"),
    ("live", 40),
    ("lock", False),
    ("live", 2),
    ("restart", (900, 0, False)),
    ("live", 2),
    ("deliver", None),
    ("end", "at once"),
]


@pytest.mark.parametrize("first_start", [None, 900])
def test_counting_same_script_on_either_database_counts_each_call_once(
    database: str, first_start: int | None
) -> None:
    run(Script(database), first_start, SCRIPT)
