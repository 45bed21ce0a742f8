"""A company whose time hangs on what the exporter asks, and what an exporter of it must have counted."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Connection, create_engine, inspect, select

from exporter.account.calls import LATE
from exporter.account.history import missing
from exporter.archive import schema, state
from exporter.archive.records import Progress
from exporter.demo.calls import SimulatedCall
from exporter.demo.server import SimulatedAircall
from exporter.demo.simulation import SimulatedAccount
from tests.process import Process, credential, process
from tests.running import eventually
from tests.scrape import Scrape

HOUR = 3600.0


class Company:
    """A busy account whose time moves on with each request, and leaps where it is told to.

    So what a request finds does not hang on the speed of the machine. It opens at the exporter's first
    start, which therefore counts every call.
    """

    def __init__(self, database: str, directory: Path, seconds_per_request: float, **settings: Any) -> None:
        self.start = float(int(time.time()))
        self.account = SimulatedAccount(users=40, calls_per_hour=600, seed=5, start=self.start, history=0)
        self.aircall = SimulatedAircall(self.account, clock=self.now, rate_limit=1_000_000)
        self.database = database
        self._moved_to, self._requests, self._pace = self.start, 0, seconds_per_request
        self._config = directory / "aircall.yml"
        self.flags = (f"--config.file={self._config}", f"--storage.path={directory}")
        config = {
            "storage": {"url": database},
            "activity_period": "1m",
            "refresh": {"calls": "1s", "availabilities": "1s"},
        }
        self._config.write_text(yaml.safe_dump(config | settings))

    def now(self) -> float:
        return self._moved_to + self._pace * (len(self.aircall.requests) - self._requests)

    def leap(self, to: float) -> None:
        """Let the account live on until then."""
        self._moved_to, self._requests = to, len(self.aircall.requests)

    def stand_still(self) -> None:
        self.leap(self.now())
        self._pace = 0.0

    def exporter(self) -> AbstractContextManager[Process]:
        """An exporter of this account, until the block is left."""
        return process(*self.flags, **credential(self.aircall))

    def read_whole(self, exporter: Process) -> Scrape:
        """Let the account stand still until everything is read and saved; gives a scrape of that."""
        self.stand_still()

        def nothing_is_left() -> bool:
            progress = self.progress()
            is_read = progress is not None and progress.covered[-1][1] >= int(self.now()) - LATE
            is_whole = is_read and not missing(progress.covered, progress.wanted_from)
            return is_whole and self._open() == {row.id for row in self.rows() if row.status != "done"}

        eventually(nothing_is_left, within=60)
        self.until_polled(exporter)
        return eventually(lambda: _saved(Scrape.at(exporter.url)))

    def _open(self) -> set[int]:
        return {call.id for call in self.account.calls.values() if call.ended_at is None}

    def until_polled(self, exporter: Process, times: int = 1) -> Scrape:
        """Wait until the calls have been polled so many times more; gives a scrape of that."""
        wanted = _polls(Scrape.at(exporter.url)) + times

        def polled() -> Scrape | None:
            scrape = Scrape.at(exporter.url)
            return scrape if _polls(scrape) >= wanted else None

        return eventually(polled)

    @contextmanager
    def looking(self) -> Iterator[Connection]:
        """Look at the archive as it is at one moment."""
        engine = create_engine(self.database, isolation_level="SERIALIZABLE")
        with engine.connect() as connection:
            yield connection
        engine.dispose()

    def rows(self) -> list:
        with self.looking() as connection:
            return connection.execute(select(schema.calls)).all()

    def progress(self) -> Progress | None:
        with self.looking() as connection:
            return state.progress(connection) if inspect(connection).has_table("state") else None

    def teams_of(self, call: SimulatedCall) -> set[str]:
        """The teams that a finished call counts for, as docs/metrics.md says it."""
        if outcome(call) == "missed":
            users = call.number.user_ids if call.number else set()
        else:
            users = {call.user_id} - {None}
        teams = {str(team.id) for team in self.account.teams.values() if team.user_ids & users}
        in_teams = set().union(*(team.user_ids for team in self.account.teams.values()))
        return teams | ({"none"} if users - in_teams else set())


def plan(company: Company) -> dict[int, tuple]:
    """The account's calls, as rows of the archive."""
    return {
        call.id: (
            *(call.direction, call.status, outcome(call), call.missed_call_reason, call.raw_digits),
            *(call.started_at, call.answered_at, call.ended_at, call.user_id, call.number_id),
            *(call.recorded, call.voicemail, call.ended_at is not None, call.ended_at is not None),
        )
        for call in company.account.calls.values()
    }


def kept(company: Company) -> dict[int, tuple]:
    """The archive's calls, in the same form."""
    return {
        row.id: (
            *(row.direction, row.status, row.outcome, row.missed_call_reason, row.caller),
            *(row.started_at, row.answered_at, row.ended_at, row.user_id, row.number_id),
            *(row.recorded, row.voicemail, row.counted, row.counted_for_teams),
        )
        for row in company.rows()
    }


def to_be_counted(company: Company) -> dict[str, Counter]:
    """How often each combination of labels is to be found in the counters; talk is in seconds."""
    calls, missed, teams, talk = Counter(), Counter(), Counter(), Counter()
    for call in company.account.calls.values():
        if call.ended_at is None:
            continue
        user, number, kind = (
            str(call.user_id or ""),
            str(call.number_id or ""),
            (call.direction, outcome(call)),
        )
        calls[user, number, *kind] += 1
        if call.missed_call_reason is not None:
            missed[number, call.missed_call_reason] += 1
        for team in company.teams_of(call):
            teams[team, *kind] += 1
        if call.answered_at is not None:
            talk[number, call.direction] += call.ended_at - call.answered_at
    return {"calls": calls, "missed": missed, "teams": teams, "talk": talk}


def counted(scrape: Scrape) -> dict[str, Counter]:
    """What the counters say, in the same form."""

    def family(name: str, *labels: str) -> Counter:
        series = scrape.all(name).items()
        return +Counter({tuple(dict(found)[label] for label in labels): int(n) for found, n in series})

    return {
        "calls": family("aircall_calls_total", "user_id", "number_id", "direction", "outcome"),
        "missed": family("aircall_missed_calls_total", "number_id", "reason"),
        "teams": family("aircall_team_calls_total", "team_id", "direction", "outcome"),
        "talk": family("aircall_call_talk_seconds_sum", "number_id", "direction"),
    }


def outcome(call: SimulatedCall) -> str | None:
    """None while the call goes on."""
    if call.ended_at is None:
        return None
    if call.answered_at is not None:
        return "answered"
    return "missed" if call.direction == "inbound" else "unanswered"


def _polls(scrape: Scrape) -> float:
    return scrape.value("aircall_polls_total", dataset="calls", result="success") or 0.0


def _saved(scrape: Scrape) -> Scrape | None:
    return scrape if scrape.value("aircall_archive_waiting_calls") == 0 else None
