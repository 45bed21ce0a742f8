"""Simulate a company whose API responds from memory, so that only the exporter is measured.

Calls begin at a constant rate. In each poll the same number of calls begin, end, and leave the activity
period, for any number of calls in it.
"""

from collections.abc import Iterable
from random import Random
from typing import TypeVar, cast

import msgspec
from prometheus_client import CollectorRegistry

from exporter.account import archiving
from exporter.account.counter_totals import Key
from exporter.account.records import Batch, Checkpoint, DoneCalls, LoadedState, SaveResult
from exporter.account.removal_detector import Listed
from exporter.aircall.call_decoding import decode_calls
from exporter.aircall.client import Client
from exporter.aircall.endpoints import PER_PAGE, Request
from exporter.aircall.headers import Headers
from exporter.aircall.models import Availability, Number, Page, User
from exporter.archive.status import ArchiveStatus
from exporter.clock import Clocks
from exporter.config.settings import Settings, Today
from exporter.durations import Duration
from exporter.metrics.exposition import Exposition
from exporter.polling.poller import Poller
from exporter.simulator.models import Direction, SimulatedCall
from exporter.simulator.payloads import call_payload
from exporter.simulator.simulation import SimulatedAccount

NOON = 1_780_000_000.0
POLL_SECONDS = 10
CALLS_A_POLL = 3
GOING_ON = 5 * CALLS_A_POLL
SHORT_PERIOD_S = 900
DAY_S = int(NOON) % 86_400
"""Seconds since the day began."""
TALK_SECONDS = 60

T = TypeVar("T")


class Company:
    """A company with `users`, and its exporter with `calls` in the activity period, or in the day."""

    def __init__(self, users: int, calls: int, of_day: bool = False) -> None:
        self.now = NOON
        self.account = SimulatedAccount(users=users, calls_per_hour=0, start=NOON, history=0)
        self._random = Random(1)  # noqa: S311 (nothing here is a secret)
        self._next_id = 3_000_000_000
        self._live: list[SimulatedCall] = []
        self._changed: list[SimulatedCall] = []
        self._ended: list[SimulatedCall] = []
        """The calls that ended before the last poll."""
        self._totals: dict[Key, int] = {}
        in_period = SHORT_PERIOD_S * CALLS_A_POLL // POLL_SECONDS if of_day else calls
        period, earlier = in_period * POLL_SECONDS / CALLS_A_POLL, calls - in_period
        registry = CollectorRegistry()
        clocks = Clocks(lambda: self.now, lambda: self.now)
        self.poller = Poller(
            Settings(activity_period=Duration(period), sla=Duration(8), today=Today("00:00", "UTC")),
            cast("Client", self),
            registry,
            clocks,
            self._save,
        )
        self.poller.tasks.enabled = ("calls",)
        self.poller.restore(LoadedState())
        self._read_directory()
        self.poller.account.follows_date = True
        self.poller.account.advance_to(self.now)
        self.poller.account.ledger.counted_from = 0.0
        starts = [NOON - DAY_S + (DAY_S - period) * position / earlier for position in range(earlier)]
        starts += [NOON - period + position * POLL_SECONDS / CALLS_A_POLL for position in range(in_period)]
        self._fetch(map(int, starts))
        self.poller.account.mark_calls_fetched(int(NOON - max(period, 2 * 86400)), NOON)
        self.exposition = Exposition(self.poller.snapshot(), {"exporter": registry}, _idle, clocks)

    @property
    def calls_of_day(self) -> int:
        """The calls of the day, as they are shown."""
        return len(self.poller.account.periods["today"])

    def go_on(self) -> None:
        """Advance to the next poll, in which three calls are new and three others have ended."""
        self.now += POLL_SECONDS
        # The first response is only used for its time, so a call that has ended is returned twice.
        self._changed = [*self._ended, *self._live]
        self._ended = self._live[:CALLS_A_POLL]
        for _ in range(CALLS_A_POLL):
            self._begin(int(self.now) - 1)
            self._end(self._live.pop(0))
        self._answer = self._page()

    def poll(self) -> None:
        """Poll once, from the response to the exposed text."""
        self.poller.step()
        self.exposition.update(self.poller.snapshot())

    def send(self, request: Request[T]) -> tuple[T, Headers]:
        """Return a response as the API client does. The poller requests only calls."""
        return request.decode(self._answer), Headers(date=self.now)

    def _fetch(self, starts: Iterable[int]) -> None:
        """Fetch calls that began at these times (UNIX seconds)."""
        for position, start in enumerate(starts):
            self._begin(start)
            if position >= GOING_ON:
                self._end(self._live[0])
                self._changed.append(self._live.pop(0))
            if len(self._changed) >= PER_PAGE:
                self._take_in()
        self._take_in()

    def _begin(self, at: int) -> None:
        number = self._random.choice(list(self.account.numbers.values()))
        user = self.account.users[self._random.choice(sorted(number.user_ids))]
        ways: tuple[Direction, ...] = ("inbound", "inbound", "outbound")
        way = self._random.choice(ways)
        call = SimulatedCall(self._next_id, way, at, f"+33 6 {self._next_id % 10**8:08}", number, user)
        if self._random.random() < 0.8:
            call.answered_at = at + self._random.randint(1, 40)
        elif way == "inbound":
            call.user = None
        self._next_id += 3
        self._live.append(call)
        self._changed.append(call)

    def _end(self, call: SimulatedCall) -> None:
        call.ended_at = (call.answered_at or call.started_at) + TALK_SECONDS
        if call.direction == "inbound" and call.answered_at is None:
            call.missed_call_reason = "no_available_agent"

    def _page(self) -> bytes:
        calls = [call_payload(call, [], self.now) for call in self._changed]
        return msgspec.json.encode({"meta": {"next_page_link": None}, "calls": calls})

    def _take_in(self) -> None:
        self.poller.account.apply_call_page(decode_calls(self._page()), self.now)
        self._save(archiving.take_batch(self.poller.account))
        self._changed.clear()

    def _save(self, batch: Batch) -> None:
        """Count the calls of a batch as the archive does."""
        changed = {}
        for addition in batch.counted_calls:
            for key, count in addition.increments:
                changed[key] = self._totals[key] = self._totals.get(key, 0) + count
        day = batch.day_requested
        result = SaveResult(
            tuple(batch.counted_calls),
            changed,
            of_day=None if day is None else DoneCalls(day, ()),  # all of them are in memory
        )
        archiving.batch_accepted(self.poller.account, batch)
        archiving.batch_saved(self.poller.account, result, Checkpoint(for_teams=True))

    def _read_directory(self) -> None:
        lists, company = self.poller.account.reference_data, self.account
        users = [User(user.id, user.name, user.time_zone, user.language) for user in company.users.values()]
        numbers = [
            Number(each.id, each.name, each.digits, each.country, each.time_zone)
            for each in company.numbers.values()
        ]
        lists.apply_users_page(_page(users))
        lists.finish_users(Listed(set(company.users), NOON))
        for team in company.teams.values():
            lists.directory.add_team(team.id, team.name, team.user_ids)
        lists.finish_teams(Listed(set(company.teams), NOON))
        lists.apply_numbers_page(_page(numbers), 0.0)
        lists.finish_numbers(Listed(set(company.numbers), NOON))
        assigned = {each.id: frozenset(each.user_ids) for each in company.numbers.values()}
        lists.apply_assignments(assigned, frozenset(company.users), frozenset(company.numbers), NOON)
        lists.apply_availabilities_page(
            _page([Availability(id_, "available") for id_ in company.users]), NOON
        )
        lists.finish_availabilities(Listed(set(company.users), NOON))


def _page(items: list[T]) -> Page[T]:
    return Page(tuple(items), 0, frozenset(), None)


def _idle() -> ArchiveStatus:
    return ArchiveStatus(working=True, waiting=0, waiting_since=None)
