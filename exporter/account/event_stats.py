"""Totals that only events can supply: time in the queue, ring attempts and holds.

Events are collected for each call and added up `EVENT_GRACE_S` after its end, when late events have arrived.
So the totals do not depend on the order or repetition of events. The archive keeps the ring attempts; the
other totals begin at 0 at each start.
"""

import math
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from exporter.account.buckets import bucket_label
from exporter.account.call_events import CallEvent, KeptEvents, call_event, during
from exporter.account.counter_totals import Key
from exporter.account.id_limits import Identities
from exporter.account.ring_attempts import attempts
from exporter.aircall.data_limits import Limit
from exporter.aircall.events import Event
from exporter.aircall.models import Call
from exporter.aircall.times import capped_duration

EVENT_GRACE_S = 60.0
"""Seconds after a call's end during which late events are accepted."""

COLLECT_INTERVAL_S = 1.0
"""Seconds between two searches for calls that can be added up."""

UNKNOWN_CALL_S = 2 * EVENT_GRACE_S
"""Seconds for which the events of a call are kept that is not in memory, because it is being fetched."""


class Collected(NamedTuple):
    """What the calls added up whose events are complete."""

    totals: Mapping[Key, int]
    """The totals that changed, of those that the archive does not keep."""
    ring_attempts: Sequence[tuple[Call, list[tuple[Key, int]]]]
    """For each call that rang on users, what it adds to the totals of the archive."""


class EventStats:
    """Collects the events of active and recently ended calls, and adds them up."""

    def __init__(self, identities: Identities, exceeded: Counter[Limit]) -> None:
        """Count by the ids that `identities` returns. `exceeded` counts the events beyond a limit."""
        self._identities = identities
        self.totals: Counter[Key] = Counter()
        """The totals of all calls that were added up."""
        self._kept = KeptEvents(exceeded)
        self._next_collection = 0.0

    def record(self, event: Event, call: Call, known: Call | None, live: Container[int], now: float) -> None:
        """Record an event. It is ignored if the call may have been added up already.

        Args:
            event: The event.
            call: The call as the event describes it.
            known: The newest version of the call; None if it has to be fetched.
            live: The ids of active calls, also of done ones whose `ended_at` is awaited.
            now: The present time (UNIX seconds, Aircall's clock).
        """
        if _is_complete(call if known is None else known, live, now):
            return
        if known is None and event.at + EVENT_GRACE_S < now:
            return
        self._kept.add(call.id, call_event(event, call))

    def collect(
        self, calls: Mapping[int, Call], live: Container[int], now: float, bounds: tuple[float, ...]
    ) -> Collected:
        """Add up the calls whose events are complete, and return what they added.

        Args:
            calls: All stored calls, by id.
            live: The ids of active calls, also of done ones whose `ended_at` is awaited.
            now: The present time (UNIX seconds, Aircall's clock).
            bounds: The buckets of the time in the queue.
        """
        if now < self._next_collection:
            return Collected({}, ())
        self._next_collection = now + COLLECT_INTERVAL_S
        changed: set[Key] = set()
        rang: list[tuple[Call, list[tuple[Key, int]]]] = []
        for call_id in self._kept.calls:
            call = calls.get(call_id)
            if call is None:
                if self._kept.last_at(call_id) + UNKNOWN_CALL_S < now:
                    self._kept.pop(call_id)
            elif _is_complete(call, live, now):
                events = during(call, self._kept.pop(call_id))
                for key, count in _increments(call, events, bounds):
                    bounded = self._identities.key(key)
                    self.totals[bounded] += count
                    changed.add(bounded)
                counts: list[tuple[Key, int]] = [
                    (("ring_attempts", user, result), count) for user, result, count in attempts(call, events)
                ]
                if counts:
                    rang.append((call, counts))
        return Collected({key: self.totals[key] for key in changed}, rang)


def _is_complete(call: Call, live: Container[int], now: float) -> bool:
    """Return whether a call ended so long ago that late events are no longer accepted.

    The end of a call in `live` is not known yet.
    """
    if call.phase != "done" or call.id in live:
        return False
    return (call.ended_at or call.started_at) + EVENT_GRACE_S < now


def _increments(
    call: Call, events: Sequence[CallEvent], bounds: tuple[float, ...]
) -> Iterator[tuple[Key, int]]:
    number = str(call.number.id) if call.number else ""
    for user, seconds in _holds(call, events):
        yield ("hold_count", user), 1
        yield ("hold_sum", user), seconds
    waited = _seconds_in_queue(call, events)
    if waited is not None:
        yield ("queue_bucket", number, bucket_label(waited, bounds)), 1
        yield ("queue_sum", number), waited


def _seconds_in_queue(call: Call, events: Iterable[CallEvent]) -> int | None:
    """Return the seconds that a caller waited until a user's phone first rang, or to the end if none did.

    Returns None for outbound calls, for calls that an AI voice agent handled, and if a phone must have rung
    but no event reported it.
    """
    if call.direction == "outbound" or call.outcome == "ai_agent":
        return None
    rang = (event.at for event in events if event.name == "call.ringing_on_agent" and event.user)
    first = min(rang, default=None)
    if first is not None:
        return capped_duration(int(first) - call.waits_since)
    must_have_rung = call.outcome == "answered" or call.missed_call_reason == "agents_did_not_answer"
    return None if must_have_rung else call.wait


def _holds(call: Call, events: Iterable[CallEvent]) -> Iterator[tuple[str, int]]:
    """Yield the user and the seconds of each hold, until the call was resumed or ended."""
    held = sorted({(event.at, event.user) for event in events if event.name == "call.hold"})
    resumed = iter([event.at for event in events if event.name == "call.unhold"])
    held_until = -math.inf
    for at, user in held:
        if at >= held_until:
            held_until = next((moment for moment in resumed if moment >= at), float(call.ended_at or 0))
            yield user, capped_duration(held_until - at)
