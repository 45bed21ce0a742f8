"""One Aircall account as the exporter knows it: fed with what was read, it gives the board.

Plain data in one thread's hands: no sockets, no clock. Every time comes in with the data.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any

from msgspec.structs import replace

from exporter.account.board import Board, Counters
from exporter.account.calls import LATE, LOOK_BACK, CallBook, CallsToRead, Neighbours
from exporter.account.directory import Directory
from exporter.account.history import History
from exporter.account.journeys import Journeys
from exporter.account.leaving import Leaving
from exporter.account.ledger import Ledger
from exporter.account.limit import limited
from exporter.account.making import Making, Touched
from exporter.account.period import Period
from exporter.account.presence import PresenceBook
from exporter.account.roster import Roster
from exporter.account.rows import Facts, queue
from exporter.account.teams import unknown_names
from exporter.aircall.decoding import decode_objects
from exporter.aircall.objects import (
    KINDS,
    Availability,
    Call,
    CallDetails,
    Kind,
    Number,
    Page,
    ReadCall,
    Ref,
    User,
    UserStatus,
)
from exporter.aircall.objects import Team as ApiTeam
from exporter.archive.records import Batch, Memory, Progress, Record, Saved, Span
from exporter.config import API_HISTORY, Settings

LEAST_PATIENCE = 60.0
"""Seconds for which a user is taken to stay in the state last seen, however often he is looked at."""


class Account:
    """What is known of the account, dataset by dataset."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.directory = Directory()
        self.presence = PresenceBook()
        self.book = CallBook()
        self.history = History()
        self.period = Period(settings.queue_wait.critical)
        self.ledger = Ledger(settings)
        self.journeys = Journeys()
        self.known: set[str] = set()
        self._leaving = {name: Leaving() for name in ("users", "teams", "numbers", "availabilities")}
        self.malformed: Counter[Kind] = Counter(dict.fromkeys(KINDS, 0))
        self.patience = LEAST_PATIENCE
        self.server_ahead = 0.0
        """By how many seconds Aircall's clock leads ours."""
        self.as_of = 0.0
        """The end of the activity period (UNIX seconds, Aircall's clock): the last poll of calls."""
        self._backfill: float | None = None
        self._kept_from = 0
        """The start (UNIX seconds, Aircall's clock) since which what polls of calls read has been kept."""
        self._poll_kept = True
        """Whether all that the present or last poll of calls read has been."""
        self._mapped_ids: tuple[frozenset[int], frozenset[int]] = (frozenset(), frozenset())
        self._touched = Touched()
        self._making = Making()

    def configure(self, settings: Settings) -> None:
        """Follow a changed configuration, keeping everything known."""
        if settings.activity_period > self.settings.activity_period:
            self.book.begin_anew()
        self.settings = settings
        self.period = Period(settings.queue_wait.critical)
        for call in self.book.calls.values():
            self._put_into_period(call)

    # What was read -------------------------------------------------------------------------------

    def saw_users(self, page: Page[User]) -> None:
        self.malformed["user"] += page.malformed
        for user in page.items:
            self.directory.add_user(user)

    def read_users(self, ids: set[int]) -> None:
        """All users have been read."""
        left = self._leaving["users"].left(self.directory.users.keys(), ids)
        self.directory.drop("users", left)
        self.presence.drop(left)
        self.known.add("users")

    def saw_teams(self, page: Page[ApiTeam]) -> None:
        self.malformed["team"] += page.malformed
        for team in page.items:
            self.directory.add_team(team.id, team.name, self.ids(team.users or (), "user"))

    def read_teams(self, ids: set[int]) -> None:
        """All teams have been read."""
        self.directory.drop("teams", self._leaving["teams"].left(self.directory.members.keys(), ids))
        self.known.add("teams")

    def saw_numbers(self, page: Page[Number]) -> None:
        self.malformed["number"] += page.malformed
        for number in page.items:
            self.directory.add_number(number)

    def read_numbers(self, ids: set[int]) -> None:
        """All numbers have been read."""
        self.directory.drop("numbers", self._leaving["numbers"].left(self.directory.numbers.keys(), ids))
        self.known.add("numbers")

    def read_assignments(
        self, assigned: Mapping[int, frozenset[int]], user_ids: frozenset[int], number_ids: frozenset[int]
    ) -> None:
        """Who answers which number has been read whole, for these users and numbers."""
        self.directory.assign(assigned)
        self._mapped_ids = user_ids, number_ids
        self.known.add("assignments")

    def saw_availabilities(self, page: Page[Availability], at: float) -> None:
        self.malformed["availability"] += page.malformed
        for seen in page.items:
            self.saw_availability(seen.id, seen.availability, at)

    def saw_availability(self, user_id: int, word: str, at: float) -> None:
        """What one user does, in Aircall's word, as it was asked for `at` (UNIX seconds, our clock)."""
        self.presence.saw(user_id, word, at, self.patience)
        self._touched.users.add(user_id)

    def saw_substatuses(self, page: Page[UserStatus], at: float) -> None:
        self.malformed["user"] += page.malformed
        for seen in page.items:
            self.saw_substatus(seen.id, seen.substatus, at)

    def saw_substatus(self, user_id: int, substatus: str | None, at: float) -> None:
        """Why a user is away, in Aircall's words, as it was asked for `at` (UNIX seconds, our clock)."""
        presence = self.presence.users.get(user_id)
        if presence is not None:
            presence.tell(substatus, at)
            self._touched.users.add(user_id)

    def read_availabilities(self, ids: set[int]) -> None:
        """All availabilities have been read."""
        left = self._leaving["availabilities"].left(self.presence.users.keys(), ids)
        self._touched.users |= left
        self.presence.drop(left)
        self.known.add("availabilities")

    def saw_calls(self, page: Page[ReadCall], at: float) -> None:
        self.malformed["call"] += page.malformed
        as_of = at + self.server_ahead
        for call, details in page.items:
            self.take_call(replace(call, as_of=as_of), details, at)

    def take_call(self, call: Call, details: CallDetails, at: float) -> bool:
        """Take in a call, and have it counted once it is done; whether no newer version of it is known."""
        as_read = Record(call, details, self.settings.caller)
        if call.phase == "done":  # who called is shown of calls that go on, and kept by the archive
            call = replace(call, raw_digits=None)
        known = self.book.calls.get(call.id)
        newly_done = self.book.saw(call, at)
        if self.book.calls[call.id] is not call:
            return False
        self._touched.by_call(known)
        self._touched.by_call(call)
        self._put_into_period(call)
        self.ledger.keep(call, as_read, known is not None, newly_done)
        return True

    def lost_call(self, call_id: int) -> None:
        """Aircall knows this call no more."""
        self._touched.by_call(self.book.calls.get(call_id))
        self.book.vanished(call_id)
        self.ledger.lost(call_id)

    def read_calls(self, since: int, begun: float) -> None:
        """The calls from `since` to `begun` (UNIX seconds, Aircall's clock) have been read whole."""
        self.book.completed(since, begun)
        if self._poll_kept:
            whole_from = max(int(self.book.whole_from), self._kept_from)
            self.history.read(max(since - LATE, whole_from), int(begun) - LATE)
        self.known.add("calls")

    def ids(self, raws: Iterable[Any], kind: Kind) -> frozenset[int]:
        """The ids of nested objects, those that cannot be read counted and left out."""
        refs, malformed = decode_objects(raws, Ref)
        self.malformed[kind] += malformed
        return frozenset(ref.id for ref in refs)

    # What to read --------------------------------------------------------------------------------

    def calls_to_read(self, now: float, server_now: float) -> CallsToRead:
        """Choose what a poll of calls reads; the times are the same moment on our clock and on Aircall's."""
        start = server_now - self.settings.activity_period
        if math.isinf(self.ledger.counted_from):
            # with the whole second that the first page begins in
            self.ledger.counted_from = math.floor(start)
        backfill = self.settings.storage.backfill
        if self._backfill != backfill:
            self._backfill = backfill
            self.history.want(int(server_now - max(backfill, LOOK_BACK)))
        self.history.forget(self.oldest_kept)
        todo = self.book.to_read(int(start), server_now, now, self._hung_up)
        if not self._poll_kept:
            self._poll_kept, self._kept_from = True, todo.since
        return todo

    def may_be_over(self, now: float, next_poll: float) -> Iterator[Call]:
        """The calls in progress that may be over, but for those that a poll of calls reads anyway.

        That is the one within `next_poll` seconds.
        """
        return self.book.beyond_next_poll(self.book.doubtful(now, self._hung_up), next_poll)

    def endings(self, now: float, next_poll: float) -> list[Neighbours]:
        """The same calls, by the requests that it takes to look at them."""
        return self.book.neighbours(self.may_be_over(now, next_poll))

    @property
    def oldest_kept(self) -> int:
        """The earliest start (UNIX seconds, Aircall's clock) of a call that Aircall and the archive keep."""
        retention = self.settings.storage.retention
        return int(self.as_of - (min(retention, API_HISTORY) if retention else API_HISTORY))

    def edits(self, server_now: float) -> tuple[int, Span] | None:
        """Which calls are to be read again now for late edits, and at which age that is."""
        return self.history.edits(int(server_now), self.oldest_kept)

    def _hung_up(self, call: Call, since: float) -> bool:
        seen = self.presence.users.get(call.user.id) if call.user else None
        if seen is None:
            return "availabilities" in self.known
        return seen.state != "in_call" and seen.observed_at > since

    def slide(self, server_now: float) -> None:
        """Move the activity period's end to `server_now` (UNIX seconds, Aircall's clock)."""
        set_back, self.as_of = server_now < self.as_of, server_now
        for call in self.period.slide(server_now - self.settings.activity_period):
            self._touched.by_call(call)
        if set_back:
            for call in self.book.calls.values():
                self._touched.by_call(call)
                self._put_into_period(call)
        read_to = server_now if self.book.read_to is None else self.book.read_to
        added_up = self.journeys.add_up(self.book.calls, server_now, self.ledger.bounds)
        self._touched.totals |= self.ledger.count(added_up)
        self.book.forget(self.book_from(min(server_now, read_to)))

    def book_from(self, now: float) -> float:
        """The start (UNIX seconds, as `now` on Aircall's clock) before which done calls are forgotten."""
        return now - max(self.settings.activity_period, LOOK_BACK)

    def _put_into_period(self, call: Call) -> None:
        if call.phase == "done" and call.started_at >= self.as_of - self.settings.activity_period:
            self._touched.by_call(self.period.put(call))

    @property
    def strangers(self) -> frozenset[tuple[str, int]]:
        """Who is in one list and not in another: users and numbers that turned up in availabilities or calls
        before the directory named them, and users in the directory who have left the availabilities."""
        users, numbers = self._strangers()
        known, present = self.directory.users.keys(), self.presence.users.keys()
        gone = known - present if "availabilities" in self.known else frozenset()
        kinds = {"user": users, "number": numbers, "user who left": gone}
        return frozenset((kind, id_) for kind, ids in kinds.items() for id_ in ids)

    def _strangers(self) -> tuple[Set[int], Set[int]]:
        live = self.book.live_calls()
        in_calls = {call.user.id for call in live if call.user}
        on = {call.number.id for call in live if call.number}
        known = self.directory
        return (
            known.strange_users(in_calls)
            | known.strange_users(self.period.users.keys())
            | known.strange_users(self.presence.users.keys()),
            known.strange_numbers(on) | known.strange_numbers(self.period.numbers.keys()),
        )

    @property
    def in_doubt(self) -> frozenset[str]:
        """The lists that left out somebody who was there before, and are to be read once more."""
        return frozenset(name for name, leaving in self._leaving.items() if leaving.in_doubt)

    @property
    def assignments_outdated(self) -> bool:
        """Whether there are users or numbers that the assignments were not read for."""
        users, numbers = self._mapped_ids
        return not (self.directory.users.keys() <= users and self.directory.numbers.keys() <= numbers)

    @property
    def unknown_names(self) -> tuple[str, ...]:
        """Names and ids in the configuration that nobody has, once the directory has been read."""
        if not {"users", "teams", "numbers"} <= self.known:
            return ()
        return tuple(unknown_names(self.directory, self.settings))

    # What to show --------------------------------------------------------------------------------

    def board(self, server_ahead: float) -> Board:
        """The board as of what has been read up to now; costs what has changed since the last one."""
        facts = Facts(self._roster(), self.presence.users, self.period, self.book.live_calls())
        made = self._making.rows(facts, self._touched)
        counters, ledger = Counters(), self.ledger
        if ledger.totals is not None and ledger.complete:
            counters = self._making.counters(facts, self._touched, ledger.totals, ledger.bounds)
            if not ledger.teams_complete:
                counters = Counters(counters.users, counters.numbers)
        self._touched.clear()
        board = Board(
            settings=self.settings,
            known=frozenset(self.known),
            server_ahead=server_ahead,
            users=made.users,
            teams=made.teams,
            numbers=made.numbers,
            queue=queue(facts),
            counters=counters,
            malformed={kind: self.malformed[kind] for kind in KINDS},
        )
        return limited(board)

    def _roster(self) -> Roster:
        directory = self.directory
        strange_users, strange_numbers = self._strangers()
        waited_on = {call.number.id for call in self.book.live_calls() if call.waiting and call.number}
        present = frozenset(directory.users.keys() | self.presence.users.keys())
        return self._making.roster(
            Roster(
                directory,
                directory.version,
                self.settings,
                present,
                users=present | strange_users,
                numbers=frozenset(directory.numbers.keys() | waited_on | strange_numbers),
            )
        )

    # What to keep --------------------------------------------------------------------------------

    def take_batch(self) -> Batch:
        """What is to be saved since this was asked last."""
        needed = {"users", "teams"} | ({"assignments"} if self.settings.map_users_to_numbers else set())
        teams_told = needed <= self.known
        if teams_told and self.ledger.uncounted_for_teams and not self.ledger.full:
            self.ledger.count_for_teams(self._roster().teams)
        batch = self.ledger.take_batch(self.history, teams_told)
        batch.names = self.directory.take_new_names()
        return batch

    def kept(self, batch: Batch) -> None:
        """The archive has been given the batch."""
        self.ledger.kept()
        if batch.progress is not None:
            self.history.kept(batch.progress)

    def not_kept(self, batch: Batch) -> None:
        """The archive had no room for the batch: what it held is to be read, and counted, once more."""
        self._poll_kept = False
        self.history.go_back()
        self.book.count_again |= self.ledger.not_kept(batch, self.history)

    def restore(self, memory: Memory) -> None:
        """Go on from what the archive remembers."""
        self.ledger.restore(memory, self.book.calls.keys() - self.book.count_again)
        self.ledger.count(self.journeys.counts)
        self.directory.remember(memory.names)
        if memory.progress is not None:
            self.history.restore(memory.progress, memory.removed_to)

    def saved(self, saved: Saved, progress: Progress | None) -> bool:
        """A batch is in the archive; `progress` once the calls had been read whole.

        Gives whether that changes what is shown: mostly, nobody has been counted.
        """
        shown = self.ledger.shown
        counted = self.ledger.saved(saved, progress)
        self._touched.totals |= counted
        return bool(counted) or self.ledger.shown != shown
