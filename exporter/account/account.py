"""One Aircall account as the exporter knows it: fed with what was read, it gives the board.

Plain data in one thread's hands: no sockets, no clock. Every time comes in with the data.
"""

import math
from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import replace

from exporter.account.board import Board, Counters
from exporter.account.calls import LATE, LOOK_BACK, CallBook, CallsToRead, Neighbours
from exporter.account.distinct import Distinct
from exporter.account.history import History
from exporter.account.identities import Identities
from exporter.account.journeys import Journeys
from exporter.account.ledger import Ledger
from exporter.account.limit import limited
from exporter.account.lists import Lists
from exporter.account.making import Making, Touched
from exporter.account.period import NO_REASON, Period
from exporter.account.roster import Roster, roster_now
from exporter.account.rows import MISSED_REASONS, Facts, queue
from exporter.account.setaside import SetAside
from exporter.account.strangers import Stranger, Strangers, strangers
from exporter.account.teams import unknown_names
from exporter.account.unended import as_open
from exporter.account.versions import completed
from exporter.aircall.decoding import InvalidAnswerError
from exporter.aircall.endpoints import API_HISTORY
from exporter.aircall.limits import LIMITS, MOST_CALLS, Words
from exporter.aircall.objects import KINDS, Call, CallDetails, Page, ReadCall
from exporter.archive.records import Batch, Counting, Memory, Progress, Record, Saved, Span
from exporter.config import Settings

SET_BACK = 60.0
"""Seconds by which Aircall's clock is behind when it was set back; events are less ahead of a poll."""


class Account:
    """What is known of the account, dataset by dataset."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._touched = Touched()
        self.lists = Lists(self._touched.users)
        self.directory, self.presence = self.lists.directory, self.lists.presence
        self.known, self.malformed = self.lists.known, self.lists.malformed
        self.limits = self.lists.limits
        self._reasons = Words("missed_call_reasons", (*MISSED_REASONS, NO_REASON))
        self.ignored = Distinct()
        """The calls that were left out because their direction is unknown."""
        self.book = CallBook()
        self.history = History()
        self.period = Period(settings.queue_wait.critical)
        self.identities = Identities(self.lists)
        """The users, numbers and teams of calls that are told apart."""
        self.ledger = Ledger(settings, self.identities)
        self.journeys = Journeys(self.identities)
        self.aside = SetAside()
        self.server_ahead = 0.0
        """By how many seconds Aircall's clock leads ours."""
        self.clocks_agree = False
        """Whether Aircall's `Date` and the machine's clock agree."""
        self.new_starts: set[int] = set()
        """The starts (UNIX seconds, Aircall's clock) of the calls read since the server clock learned from
        them."""
        self.as_of = 0.0
        """The end of the activity period (UNIX seconds, Aircall's clock): the last poll of calls."""
        self.first_poll_at: float | None = None
        """When the first poll of calls began (UNIX seconds, Aircall's clock)."""
        self._seen_without_number = False
        """Whether a call without a number has waited since the start."""
        self._backfill: float | None = None
        self._making = Making()
        self._known_strangers = Strangers()
        self._too_old: frozenset[int] = frozenset()

    def configure(self, settings: Settings) -> None:
        """Follow a changed configuration, keeping everything known."""
        if settings.activity_period > self.settings.activity_period:
            self.book.begin_anew()
        self.settings = settings
        self.period = Period(settings.queue_wait.critical)
        for call in self.book.calls.values():
            self._put_into_period(call)

    # What was read -------------------------------------------------------------------------------

    def saw_calls(self, page: Page[ReadCall], at: float) -> None:
        self.malformed["call"] += page.malformed
        self.limits.update(page.exceeded)
        if not self.has_room_for_calls():
            raise InvalidAnswerError(f"more than {MOST_CALLS} calls in the last hours")
        starts = [read.call.started_at for read in page.items]
        self.new_starts.update(starts)
        self.history.saw(starts)
        for read in page.items:
            self.malformed.update(kind for kind in KINDS if kind in read.unread)
            self.lists.saw_teams_in_call(read.team_ids)
            call = replace(completed(read, self.book.calls.get(read.call.id)), as_of=at)
            self.take_call(call, read.details, at)
            if read.transferred_outside:
                self.book.talking.reported(call, left=True, at=at)
        self.ignore_calls(page.ignored)

    def has_room_for_calls(self) -> bool:
        """Return whether more calls may be kept in memory, and count if not."""
        room = len(self.book.calls) < MOST_CALLS
        self.limits["calls"] += not room
        return room

    def ignore_calls(self, call_ids: Iterable[int]) -> None:
        """These calls have an unknown direction, such as internal ones: they are counted, and not shown."""
        for call_id in call_ids:
            self.ignored.add(call_id)
            if call_id in self.book.live:
                self.lost_call(call_id)

    def take_call(self, call: Call, details: CallDetails, at: float) -> bool:
        """Take in a call, and have it counted once it is done; whether no newer version of it is known."""
        as_read = Record(call, details, self.settings.caller)
        if call.missed_call_reason:
            reason = self._reasons.word(call.missed_call_reason, self.limits)
            call = replace(call, missed_call_reason=reason)
        # who called is shown of calls that go on, and kept by the archive
        done = call.phase == "done"
        call = replace(call, raw_digits=None) if done else self.identities.shown(call)
        known = self.book.calls.get(call.id)
        is_recent = call.started_at >= self.as_of - LOOK_BACK or call.id in self.ledger.left_open
        newly_done = self.book.saw(call, at, is_recent)
        if call.id in self.book.unended:
            as_read = Record(as_open(as_read.call), details, as_read.shown)
        if self.book.calls[call.id] is not call:
            return False
        self._touched.by_call(known)
        self._touched.by_call(call)
        self._put_into_period(call)
        self.ledger.keep(call, as_read, newly_done)
        self.limits["calls_waiting_for_teams"] += newly_done and self.ledger.more_for_teams
        return True

    def lost_call(self, call_id: int) -> None:
        """Aircall knows this call no more."""
        self._touched.by_call(self.book.calls.get(call_id))
        self.book.vanished(call_id)
        self.ledger.lost(call_id)

    def read_calls(self, since: int, begun: float, read_from: int = 0) -> None:
        """Take note that a poll has read the calls from `since` to `begun` (UNIX seconds, Aircall's clock).

        If a failure left some out, it has read those from `read_from` on. The others are a gap in the past.
        """
        self.book.completed(since, begun)
        if read_from > since:
            self.book.whole_from = max(self.book.whole_from, read_from)
        self.history.polled(max(since - LATE, int(self.book.whole_from)), int(begun) - LATE)
        self.known.add("calls")

    def read_past(self, first: int, last: int) -> None:
        """Take note that all calls that began from `first` to `last` have been read."""
        if first <= last:
            self.history.read(first, last)
            self.aside.range_worked((first, last))

    # What to read --------------------------------------------------------------------------------

    def calls_to_read(self, now: float, server_now: float) -> CallsToRead:
        """Choose what a poll of calls reads; the times are the same moment on our clock and on Aircall's."""
        start = server_now - self.settings.activity_period
        self.first_poll_at = server_now if self.first_poll_at is None else min(self.first_poll_at, server_now)
        if self.ledger.propose(self._counting_at(server_now)):
            self.book.count_done_again()  # as far as an earlier decision did not count them
        self.history.cut(int(server_now))
        if max(self.book.whole_from, self.book.newest or 0) > server_now:
            self.book.begin_anew()  # a wrong clock was ahead
        backfill = self.settings.storage.backfill
        if self._backfill != backfill:
            self._backfill = backfill
            self.history.want(int(server_now - max(backfill, LOOK_BACK)))
        self.history.sweep(int(server_now))
        for span in self.aside.forget_ranges(self.oldest_kept):
            self.history.read(*span)
        self.history.forget(self.oldest_kept)
        self.aside.keep("call", self.book.live.keys() | self.ledger.left_open)
        self.ledger.forget(self.oldest_kept)
        start = min(start, server_now - 2 * LATE)  # what one poll leaves out as too late, the next reads
        todo = self.book.to_read(int(start), server_now, now, self._hung_up)
        self.history.poll(todo.since)
        return todo

    def _counting_at(self, server_now: float) -> Counting:
        """Return which calls a first start at `server_now` (UNIX seconds, Aircall's clock) counts.

        They include the whole second in which the first page begins.
        """
        start = server_now - self.settings.activity_period
        return Counting(math.floor(start), math.floor(server_now), self.clocks_agree)

    def may_be_over(self, now: float, next_poll: float) -> Iterator[Call]:
        """The calls in progress that may be over, but for those that a poll of calls reads anyway.

        That is the one within `next_poll` seconds.
        """
        return self.book.beyond_next_poll(self.book.doubtful(now, self._hung_up), next_poll)

    def endings(self, now: float, next_poll: float) -> list[Neighbours]:
        """The same calls, by the requests that it takes to look at them."""
        return self.book.neighbours(self.may_be_over(now, next_poll))

    def past_to_read(self, now: float) -> Span | None:
        """Return the latest stretch of past calls that may be read `now` (our clock), if there is one."""
        return next(iter(self.aside.open_ranges(self.history.missing, now)[::-1]), None)

    def wished_to_read(self, now: float) -> Span | None:
        """Return the same of the calls that were requested by hand."""
        spans = self.history.wished
        return next(iter(self.aside.open_ranges(spans, now)[::-1]), None) if spans else None

    @property
    def seconds_to_read(self) -> int:
        """Return how much of the past is still to be read, but for what is set aside."""
        spans = self.aside.without_ranges((*self.history.missing, *self.history.wished))
        return sum(last - first + 1 for first, last in spans)

    def left_open_to_read(self, now: float) -> bool:
        """Return whether there are calls left open by an earlier run that may be asked for `now`."""
        return bool(self.aside.askable("call", self.ledger.left_open, now))

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

    def may_be_kept(self, call: Call) -> bool:
        """Return whether the archive may have a newer version of a call that is not in the book.

        An earlier run, or this one before it let go of the call, may have saved it.
        """
        read_to = self.history.covered[-1][1] if self.history.covered else -math.inf
        return call.started_at <= read_to or (
            self.first_poll_at is not None and call.started_at < self.first_poll_at
        )

    def slide(self, server_now: float) -> None:
        """Move the activity period's end to `server_now` (UNIX seconds, Aircall's clock)."""
        set_back = server_now < self.as_of - SET_BACK
        self.as_of = server_now = server_now if set_back else max(server_now, self.as_of)
        for call in self.period.slide(server_now - self.settings.activity_period):
            self._touched.by_call(call)
        if set_back:
            for call in self.book.calls.values():
                self._touched.by_call(call)
                self._put_into_period(call)
        read_to = server_now if self.book.read_to is None else self.book.read_to
        added_up = self.journeys.add_up(self.book.calls, self.book.live, server_now, self.ledger.bounds)
        self._touched.totals |= self.ledger.count(added_up)
        self.book.forget(self.book_from(min(server_now, read_to)), server_now)

    def book_from(self, now: float) -> float:
        """The start (UNIX seconds, as `now` on Aircall's clock) before which done calls are forgotten."""
        return now - max(self.settings.activity_period, LOOK_BACK)

    def _put_into_period(self, call: Call) -> None:
        done = call.phase == "done" and call.id not in self.book.unended
        if done and call.started_at >= self.as_of - self.settings.activity_period:
            self._touched.by_call(self.period.put(self.identities.shown(call)))

    def new_strangers(self, now: float) -> frozenset[Stranger]:
        """Return who appears without being listed, as far as it is to be reported `now` (our clock)."""
        found = strangers(self.lists, self._shown_calls(), self.period)
        return self._known_strangers.due(found, self.lists, now)

    @property
    def unknown_names(self) -> tuple[str, ...]:
        """Names and ids in the configuration that nobody has, once the directory has been read."""
        if not {"users", "teams", "numbers"} <= self.known:
            return ()
        return tuple(unknown_names(self.directory, self.settings))

    # What to show --------------------------------------------------------------------------------

    def _shown_calls(self) -> list[Call]:
        """Return the calls in progress but those that are done, or began too long ago to be believed."""
        too_old = self.book.too_old()
        for call_id in too_old ^ self._too_old:
            self._touched.by_call(self.book.calls.get(call_id))
        self._too_old = too_old
        return [call for call in self.book.live_calls() if call.phase != "done" and call.id not in too_old]

    def doubtful_calls(self, now: float) -> Mapping[bool, int]:
        """Return how many calls in progress should be over `now` (our clock, when calls were last read).

        The keys say whether they are shown.
        """
        too_old = self.book.too_old()
        aside = self.book.live.keys() & self.aside.objects("call")
        doubtful = self.book.doubtful_calls(now) | aside | too_old
        return {True: len(doubtful - too_old), False: len(too_old)}

    def board(self, server_ahead: float) -> Board:
        """The board as of what has been read up to now; costs what has changed since the last one."""
        talking = self.book.talking
        talking.look(self.presence.users)
        shown = self._shown_calls()
        facts = Facts(self._roster(shown), self.presence.users, self.period, shown, talking)
        waiting = queue(facts)
        self._seen_without_number |= any(not call.number.id for call in waiting)
        made = self._making.rows(facts, self._touched)
        counters, ledger = Counters(), self.ledger
        if ledger.totals is not None and ledger.complete:
            self._touched.totals |= ledger.show_users(facts.roster)
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
            queue=waiting,
            queue_without_number=self._seen_without_number,
            counters=counters,
            malformed={kind: self.malformed[kind] for kind in KINDS},
            ignored_calls=self.ignored.count,
            limits={limit: self.limits[limit] for limit in LIMITS},
        )
        return limited(board, ledger.shares.own)

    def _roster(self, shown: list[Call]) -> Roster:
        return self._making.roster(roster_now(self.lists, shown, self.period, self.settings))

    # What to keep --------------------------------------------------------------------------------

    def take_batch(self) -> Batch:
        """What is to be saved since this was asked last."""
        teams_told = self._teams_told
        if teams_told and self.ledger.uncounted_for_teams and not self.ledger.full:
            teams = self._roster(self._shown_calls()).teams
            self.ledger.count_for_teams(teams, self.lists.doubtful_numbers)
        batch = self.ledger.take_batch(self.history, teams_told)
        batch.names = self.directory.take_new_names()
        return batch

    @property
    def _teams_told(self) -> bool:
        """Whether it is known who is in which team and answers which number.

        Empty lists tell nothing as long as the archive may know of objects in them.
        """
        needed = {"users", "teams"} | ({"assignments"} if self.settings.map_users_to_numbers else set())
        is_loaded = self.ledger.totals is not None
        return is_loaded and needed <= self.known and not any(map(self.lists.suspicious, needed))

    def kept(self, batch: Batch) -> None:
        """The archive has been given the batch."""
        self.ledger.kept()
        if batch.progress is not None:
            self.history.kept = batch.progress

    def not_kept(self, batch: Batch) -> None:
        """The archive had no room for the batch: what it held is to be read, and counted, once more."""
        self.history.go_back()
        self.book.count_again |= self.ledger.not_kept(batch, self.history)

    def begin_again(self) -> None:
        """Forget what followed from an archive that was replaced, as a restart would; the board stays."""
        self.book.keep_live()
        told_of, shares = self.ledger.told_of, self.ledger.shares
        self.history = History(wishes=self.history.wishes)
        self._backfill = None
        self.ledger = Ledger(self.settings, self.identities)
        self.ledger.told_of, self.ledger.left_open = told_of, set(told_of)
        self.ledger.shares = shares
        if self.as_of:
            self.ledger.propose(self._counting_at(self.as_of))
        self.directory.renew_names()

    def restore(self, memory: Memory) -> None:
        """Go on from what the archive remembers."""
        self._reasons.add(key[2] for key, _ in memory.totals if key[0] == "missed_calls")
        self.identities.restore(key for key, _ in memory.totals)
        self.ledger.restore(memory, self.book.calls.keys() - self.book.count_again)
        self.ledger.count(self.journeys.counts)
        self.directory.remember(memory.names)
        if memory.progress is not None:
            self.history.saw(memory.newest)
            self.history.restore(memory.progress, memory.removed_to)

    def saved(self, saved: Saved, progress: Progress | None) -> bool:
        """A batch is in the archive; `progress` once the calls had been read whole.

        Gives whether that changes what is shown: mostly, nobody has been counted.
        """
        shown = self.ledger.shown
        counted = self.ledger.saved(saved, progress)
        self._touched.totals |= counted
        return bool(counted) or self.ledger.shown != shown
