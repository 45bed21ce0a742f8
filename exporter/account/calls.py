"""The calls: those going on now, followed by id to their end, and those of late, kept to be counted once."""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from exporter.aircall.endpoints import PER_PAGE
from exporter.aircall.objects import Call

OVERLAP = 60
"""Seconds before the newest known call that are read again, for calls that turn up late."""

LOOK_BACK = 2 * 3600
"""Seconds before the exporter's start in which calls that still go on are looked for."""

RECHECK = 600.0
"""Seconds after which a call is looked at again although nothing speaks for its end."""


HungUp = Callable[[Call, float], bool]
"""Whether the user of a call was seen out of any call since a given time (UNIX seconds, our clock)."""


@dataclass(frozen=True)
class CallsToRead:
    """One poll of calls: all that started from `since` on (UNIX seconds), and these few older ones by id."""

    since: int
    ids: tuple[int, ...]
    requests: int


class CallBook:
    """Every call read in the last hours, each as it was read last, by id."""

    def __init__(self) -> None:
        self.calls: dict[int, Call] = {}
        self.live: dict[int, float] = {}
        """Ids of the calls that are not done, with the time (our clock) at which each was last read."""
        self.newest: int | None = None
        """The newest start (UNIX seconds, Aircall's clock) up to which all calls have been read."""
        self.read_to: float | None = None
        """When the last reading that was complete began (UNIX seconds, Aircall's clock)."""
        self._starts: list[tuple[int, int]] = []

    def completed(self, begun: float) -> None:
        """All calls up to `begun` (UNIX seconds, Aircall's clock) have been read."""
        self.read_to = begun
        if self._starts:
            self.newest = self._starts[-1][0]

    def begin_anew(self) -> None:
        """Read everything from its beginning, without forgetting what is known."""
        self.newest = self.read_to = None

    def saw(self, call: Call, at: float) -> bool:
        """Take in a call as read at `at`; says whether it is news that this call is done.

        A call that is done stays done, whatever an older page says of it.
        """
        known = self.calls.get(call.id)
        done = call.phase == "done"
        if known is not None and known.phase == "done" and not done:
            return False
        if known is None or known.started_at != call.started_at:
            insort(self._starts, (call.started_at, call.id))
        self.calls[call.id] = call
        if done:
            self.live.pop(call.id, None)
        else:
            self.live[call.id] = at
        return done and (known is None or known.phase != "done")

    def vanished(self, call_id: int) -> None:
        """Aircall knows this call no more."""
        self.calls.pop(call_id, None)
        self.live.pop(call_id, None)

    def forget(self, before: float) -> None:
        """Let go of the finished calls that started before `before` (UNIX seconds, Aircall's clock)."""
        cut = bisect_left(self._starts, (int(before), -1))
        if cut == 0:
            return
        kept = []
        for started_at, call_id in self._starts[:cut]:
            call = self.calls.get(call_id)
            if call is None or call.started_at != started_at:
                continue
            if call_id in self.live:
                kept.append((started_at, call_id))
            else:
                del self.calls[call_id]
        self._starts[:cut] = kept

    def unread(self, since: int, before: float) -> list[int]:
        """Live calls that the pages from `since` on should have held, last seen before `before`."""
        return [
            call_id
            for call_id, seen_at in self.live.items()
            if seen_at < before and self.calls[call_id].started_at >= since
        ]

    def live_calls(self) -> list[Call]:
        return [self.calls[call_id] for call_id in self.live]

    def started_since(self, start: int) -> int:
        """How many of the calls known started at `start` or later."""
        return len(self._starts) - bisect_left(self._starts, (start, -1))

    def to_read(self, earliest: int, now: float, hung_up: HungUp) -> CallsToRead:
        """Choose what the next poll reads: the least number of requests that misses nothing.

        New calls are those since the newest one up to which all were read; nothing before `earliest`
        (UNIX seconds, Aircall's clock) is paged. A live call is read again while it rings, when its user
        has `hung_up` (the availabilities, read anyway, tell) or talks in a newer call, and when it was
        not looked at for long. Each such call older than the new ones is either reached by paging back
        to it or asked for by its id, whichever is cheaper.
        """
        since = earliest if self.newest is None else max(earliest, self.newest - OVERLAP)
        doubtful = sorted(self._doubtful(now, hung_up), key=lambda call: -call.started_at)
        older = [call for call in doubtful if call.started_at < since]
        choices = [self._choice(since, older)]
        for position, call in enumerate(older, 1):
            if call.started_at >= earliest:
                choices.append(self._choice(call.started_at, older[position:]))
        return min(choices, key=lambda choice: choice.requests)

    def _choice(self, since: int, older: list[Call]) -> CallsToRead:
        pages = self.started_since(since) // PER_PAGE + 1
        return CallsToRead(since, tuple(call.id for call in older), pages + len(older))

    def _doubtful(self, now: float, hung_up: HungUp) -> Iterator[Call]:
        latest = current_calls(self.live_calls())
        for call_id, seen_at in self.live.items():
            call = self.calls[call_id]
            goes_on = call.user is not None and latest.get(call.user.id) == call
            if not goes_on or now - seen_at >= RECHECK or hung_up(call, seen_at):
                yield call


def current_calls(live: Iterable[Call]) -> dict[int, Call]:
    """The call that each user talks in, by user id: the one answered last, where there are several."""
    current: dict[int, Call] = {}
    for call in live:
        if call.phase == "answered" and call.user is not None:
            other = current.get(call.user.id)
            if other is None or (other.answered_at or 0, other.id) < (call.answered_at or 0, call.id):
                current[call.user.id] = call
    return current
