"""The calls: those going on now, followed by id to their end, and those of late, kept to be counted once."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from exporter.account.bystart import ByStart
from exporter.account.looks import LONG_WAIT, SHARE_OF_AGE, Doubts, interval, is_too_old
from exporter.account.talking import Talking
from exporter.account.unended import LOOK, Unended
from exporter.account.versions import newer
from exporter.aircall.endpoints import PER_PAGE
from exporter.aircall.objects import Call

LATE = 60
"""Seconds after their start within which calls may turn up."""

OVERLAP = 15
"""Seconds before the newest known call that are read again in any case; `LATE` where the pages have room."""

RATE_SPAN = 900
"""Seconds over which it is counted how many calls there are."""

LOOK_BACK = 2 * 3600
"""Seconds before the exporter's start in which calls that still go on are looked for."""

MOST_LONG_WAITS = 1
"""Requests of a poll for callers who have waited for long, besides those for all others."""

EVENTS_SPAN = 3600.0
"""Seconds after an event about a call within which another may come that is older."""

MOST_LOOKS = 20
"""Requests for calls that may be over in one reading; the next one takes up what is left."""

HungUp = Callable[[Call, float], bool]
"""Whether the user of a call was seen out of any call since a given time (UNIX seconds, our clock)."""


@dataclass(frozen=True)
class CallsToRead:
    """One poll of calls: all that started from `since` on (UNIX seconds), and these few older ones by id."""

    since: int
    ids: tuple[int, ...]


@dataclass(frozen=True)
class Neighbours:
    """Calls in progress that one request finds, as they began close together; the latest first."""

    calls: tuple[Call, ...]

    @property
    def since(self) -> int:
        return self.calls[-1].started_at

    @property
    def until(self) -> int:
        return self.calls[0].started_at


class CallBook:
    """Every call of the last hours in the newest version that was read, by id."""

    def __init__(self) -> None:
        self.calls: dict[int, Call] = {}
        self.live: dict[int, float] = {}
        """Ids of the calls that are not done, or whose end is waited for, with the time (our clock) at which
        each was last looked at."""
        self.newest: int | None = None
        """The newest start (UNIX seconds, Aircall's clock) up to which all calls have been read."""
        self.read_to: float | None = None
        """When the last reading that was complete began (UNIX seconds, Aircall's clock)."""
        self.whole_from = math.inf
        """The start (UNIX seconds, Aircall's clock) from which on no call is missing here."""
        self.count_again: set[int] = set()
        """Calls that are done, and are to be taken for newly done when they are read again."""
        self.talking = Talking()
        """Who talks in which of the calls that are not done."""
        self.doubts = Doubts()
        """Which of them seem to be over, and go on."""
        self.unended = Unended()
        """Which of them are done, but for their end."""
        self._told: dict[int, float] = {}
        """When (UNIX seconds, Aircall's clock) an event was last told of a call."""
        self._starts = ByStart()

    def told(self, call_id: int, at: float) -> None:
        """An event has told of a call, which is known, `at` (UNIX seconds, Aircall's clock)."""
        self._told[call_id] = max(at, self._told.get(call_id, at))

    def completed(self, since: int, begun: float) -> None:
        """All calls from `since` up to `begun` (UNIX seconds, Aircall's clock) have been read."""
        if self.newest is None or since > self.newest:
            self.whole_from = since
        self.read_to = begun
        self.newest = self._starts.newest_until(int(begun)) or self.newest  # events tell of later ones

    def begin_anew(self) -> None:
        """Read everything from its beginning, without forgetting what is known."""
        self.newest = self.read_to = None

    def count_done_again(self) -> None:
        """Read the calls that are done again, and take them for newly done."""
        self.count_again |= self.calls.keys() - self.live.keys()
        self.begin_anew()

    def keep_live(self) -> None:
        """Forget the calls that are done: they are read again as if for the first time."""
        self.calls = {call_id: self.calls[call_id] for call_id in self.live}
        self._told = {call_id: at for call_id, at in self._told.items() if call_id in self.live}
        self._starts = ByStart()
        for call in self.calls.values():
            self._starts.put(call.started_at, call.id)
        self.count_again.clear()
        self.whole_from = math.inf
        self.begin_anew()

    def saw(self, call: Call, at: float, is_recent: bool = True) -> bool:
        """Take in a call as looked at `at` (our clock); return whether it is news that this call is done.

        If a newer version of it is known, that stays. The end of a call that is done is waited for if the
        call was in progress or `is_recent`.
        """
        known = self.calls.get(call.id)
        done = call.phase == "done"
        at = max(at, self.live.get(call.id, at))
        was_open = call.id in self.live or known is None
        again = done and call.id in self.count_again
        if known is not None and not again and newer(known, call) != call:
            if call.id in self.live:
                self.live[call.id] = at
            return False
        if known is None or known.started_at != call.started_at:
            self._starts.put(call.started_at, call.id)
        self.calls[call.id] = call
        self.talking.saw(call, at)
        self.count_again.discard(call.id)
        if not done:
            self.live[call.id] = at
            return False
        self.doubts.clear(call.id)
        if (call.id in self.live or (was_open and is_recent) or again) and self.unended.add(call, at):
            self.live[call.id] = at
            return False
        self.live.pop(call.id, None)
        has_end_now = call.ended_at is not None and known is not None and known.ended_at is None
        return was_open or again or has_end_now

    def vanished(self, call_id: int) -> None:
        """Aircall knows this call no more."""
        self._told.pop(call_id, None)
        self.calls.pop(call_id, None)
        self.live.pop(call_id, None)
        self.talking.forget(call_id)
        self.doubts.clear(call_id)
        self.unended.forget(call_id)
        self.count_again.discard(call_id)

    def forget(self, before: float, now: float) -> None:
        """Let go of the finished calls that started before `before`, but for those of which events were told
        of late; `now` and `before` are UNIX seconds on Aircall's clock."""
        self.whole_from = max(self.whole_from, before)
        for started_at, call_id in self._starts.take_before(int(before)):
            call = self.calls.get(call_id)
            if call is None or call.started_at != started_at:
                continue
            if call_id in self.live or now - self._told.get(call_id, -math.inf) < EVENTS_SPAN:
                self._starts.put(started_at, call_id)
            else:
                self._told.pop(call_id, None)
                del self.calls[call_id]
                self.count_again.discard(call_id)

    def unread(self, since: int, before: float) -> list[int]:
        """Live calls that the pages from `since` on should have held, last seen before `before`."""
        return [
            call_id
            for call_id, seen_at in self.live.items()
            if seen_at < before and self.calls[call_id].started_at >= since
        ]

    def live_calls(self) -> list[Call]:
        return [self.calls[call_id] for call_id in self.live]

    def age(self, call: Call) -> float:
        """Return how many seconds before the last complete reading a call began."""
        return 0.0 if self.read_to is None else self.read_to - call.started_at

    def too_old(self) -> frozenset[int]:
        """Return the calls in progress that began so long ago that they are not shown any more."""
        return frozenset(call.id for call in self.live_calls() if is_too_old(call, self.age(call)))

    def doubtful_calls(self, now: float) -> frozenset[int]:
        """Return the calls in progress that are looked at rarely, because they should be over."""
        return frozenset(
            call.id
            for call in self.live_calls()
            if (call.waiting and self.age(call) > LONG_WAIT) or self.doubts.is_lasting(call.id, now)
        )

    def started_since(self, start: int) -> int:
        """How many of the calls known started at `start` or later."""
        return self._starts.since(start)

    @property
    def per_second(self) -> float:
        """How many calls begin in a second, of late; 0 before any were read."""
        if self.read_to is None or self.read_to <= self.whole_from:
            return 0.0
        span = min(RATE_SPAN, self.read_to - self.whole_from)
        return self.started_since(int(self.read_to - span)) / max(span, 60)

    def to_read(self, earliest: int, server_now: float, now: float, hung_up: HungUp) -> CallsToRead:
        """Choose what the next poll reads: new calls, and how it went on with the callers who waited.

        New calls are those since the newest one up to which all were read, and since `earliest` (UNIX
        seconds, as `server_now` on Aircall's clock). A waiting call older than these is either reached by
        paging back to it or asked for by its id, whichever is cheaper. Callers who have waited for long
        are looked at ever more rarely, and cost a poll one request more. If the pages then have room, they
        go back further, to calls that appeared late or may be over.
        """
        if self.newest is None or self.read_to is None:
            return CallsToRead(earliest, ())
        since = max(earliest, self.newest - OVERLAP)
        expected = at_most(self.per_second * max(0.0, server_now - self.read_to))
        older = sorted(
            (call for call in self.live_calls() if call.waiting and call.started_at < since),
            key=lambda call: -call.started_at,
        )
        pages, choice = self._cheapest(since, expected, older, now)
        for start in (
            self.newest - LATE,
            *sorted(call.started_at for call in self.doubtful(now, hung_up))[::-1],
        ):
            if self.whole_from <= start < since and self._pages(start, expected) <= pages:
                since = start
        since = min(since, choice.since)
        return CallsToRead(since, tuple(i for i in choice.ids if self.calls[i].started_at < since))

    def _cheapest(
        self, since: int, expected: float, waiting: list[Call], now: float
    ) -> tuple[int, CallsToRead]:
        """Choose how to look at the callers who are `waiting`, the latest first: how many pages, and what."""
        recent = [call for call in waiting if self.age(call) <= LONG_WAIT]
        overdue = {
            call.id: (now - self.live[call.id]) / (SHARE_OF_AGE * self.age(call))
            for call in waiting
            if self.age(call) > LONG_WAIT
        }
        long = sorted((call_id for call_id in overdue if overdue[call_id] >= 1), key=lambda i: -overdue[i])
        least = self._cheapest_of(since, expected, recent)
        all_due = self._cheapest_of(since, expected, [c for c in waiting if c in recent or c.id in long])
        if _cost(all_due) <= _cost(least) + MOST_LONG_WAITS:
            return all_due
        first = long[:MOST_LONG_WAITS]
        return self._cheapest_of(since, expected, [c for c in waiting if c in recent or c.id in first])

    def _cheapest_of(self, since: int, expected: float, waiting: list[Call]) -> tuple[int, CallsToRead]:
        choices = [self._choice(since, expected, waiting)]
        for position, call in enumerate(waiting, 1):
            if call.started_at >= self.whole_from:
                choices.append(self._choice(call.started_at, expected, waiting[position:]))
        return min(choices, key=_cost)

    def _choice(self, since: int, expected: float, older: list[Call]) -> tuple[int, CallsToRead]:
        """How many pages are read, and what."""
        return self._pages(since, expected), CallsToRead(since, tuple(call.id for call in older))

    def _pages(self, since: int, expected: float) -> int:
        return max(1, math.ceil((self.started_since(since) + expected) / PER_PAGE))

    def doubtful(self, now: float, hung_up: HungUp) -> list[Call]:
        """Return the calls that may be over and are to be looked at `now`, without callers who wait.

        Those are calls whose user has `hung_up` (as the availabilities say, which are read anyway) or talks
        in a newer call, outbound ones that ring, and those that were not looked at for long.
        """
        latest = self.talking.current(self.live_calls())
        found = []
        for call_id, seen_at in self.live.items():
            call = self.calls[call_id]
            if call.waiting:
                continue
            if call_id in self.unended:
                if now - seen_at >= LOOK:
                    found.append(call)
                continue
            goes_on = call.user is not None and latest.get(call.user.id) == call
            if goes_on and not hung_up(call, -math.inf):
                self.doubts.clear(call_id)
                due = now - seen_at >= interval(self.age(call))
            else:
                due = (not goes_on or hung_up(call, seen_at)) and self.doubts.is_due(
                    call_id, seen_at, self.age(call), now
                )
            if due:
                found.append(call)
        return found

    def beyond_next_poll(self, calls: Iterable[Call], seconds: float) -> Iterator[Call]:
        """Those of the calls that a poll `seconds` from now does not read anyway, on its first page.

        None while everything is read for the first time.
        """
        if self.newest is None:
            return
        expected = at_most(self.per_second * seconds)
        for call in calls:
            if call.started_at < self.whole_from or self._pages(call.started_at, expected) > 1:
                yield call

    def neighbours(self, calls: Iterable[Call]) -> list[Neighbours]:
        """These calls in as few groups as there need be requests to read them.

        The largest groups come first, so that most calls end for a request; of many, the last ones are left
        for later.
        """
        groups: list[list[Call]] = []
        for call in sorted(calls, key=lambda call: (-call.started_at, call.id)):
            known = call.started_at >= self.whole_from
            if known and groups and self._on_one_page(call, groups[-1][0]):
                groups[-1].append(call)
            else:
                groups.append([call])
        groups.sort(key=lambda group: (-len(group), min(self.live[call.id] for call in group)))
        return [Neighbours(tuple(group)) for group in groups[:MOST_LOOKS]]

    def _on_one_page(self, first: Call, last: Call) -> bool:
        between = self.started_since(first.started_at) - self.started_since(last.started_at + 1)
        return between <= PER_PAGE

    def not_seen(self, calls: Iterable[Call], since: float) -> list[int]:
        """The ids of those calls that go on and were last looked at before `since` (our clock)."""
        return [call.id for call in calls if self.live.get(call.id, since) < since]


def _cost(choice: tuple[int, CallsToRead]) -> int:
    pages, to_read = choice
    return pages + len(to_read.ids)


def at_most(calls: float) -> float:
    """How many calls there hardly are more than, where there are so many on average."""
    return calls + 2 * math.sqrt(calls)
