"""What only events tell of calls: when one first rang on somebody, who declined it, how long it was on hold.

It is gathered call by call and added up a while after the end, when events that come late are in as well: so
the sums are the same in whatever order, and however often, events come. They begin anew at each start.
"""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from exporter.account.counter_totals import Key, bucket_label
from exporter.account.id_limits import Identities
from exporter.aircall.models import Call

EVENT_GRACE_S = 60.0
"""Seconds after a call's end for which its events are waited for."""

COLLECT_INTERVAL_S = 1.0
"""Seconds between two looks for calls that are over for long enough."""


@dataclass(slots=True)
class _CallEvents:
    """Moments of one call (UNIX seconds, Aircall's clock), with the user who declined or held it."""

    rang: set[float] = field(default_factory=set)
    declined: set[tuple[float, str]] = field(default_factory=set)
    held: set[tuple[float, str]] = field(default_factory=set)
    resumed: set[float] = field(default_factory=set)


class EventStats:
    """Those of the calls that go on, or ended just now."""

    def __init__(self, identities: Identities) -> None:
        """Count by the ids that `identities` tell apart."""
        self._identities = identities
        self.totals: Counter[Key] = Counter()
        """What all journeys that were added up came to, as totals."""
        self._events_by_call: dict[int, _CallEvents] = {}
        self._next_collection = 0.0

    def record(self, event: str, call: Call, at: float, known: Call, now: float) -> None:
        """An event of `at` told something of a call, of which `known` is the newest version.

        It is too late `now` where the call was added up already. UNIX seconds, Aircall's clock.
        """
        if _added_up(known, now):
            return
        journey = self._events_by_call.setdefault(call.id, _CallEvents())
        user = str(call.user.id) if call.user else ""
        match event:
            case "call.ringing_on_agent":
                journey.rang.add(at)
            case "call.agent_declined":
                journey.declined.add((at, user))
            case "call.hold":
                journey.held.add((at, user))
            case "call.unhold":
                journey.resumed.add(at)

    def collect(
        self, calls: Mapping[int, Call], live: Container[int], now: float, bounds: tuple[float, ...]
    ) -> dict[Key, int]:
        """Add up those that are over by `now` (UNIX seconds, Aircall's clock); return changed counts.

        `calls` are all calls known, `live` those that are not over, `bounds` the buckets of the time in the
        queue.
        """
        if now < self._next_collection:
            return {}
        self._next_collection = now + COLLECT_INTERVAL_S
        changed: set[Key] = set()
        for call_id in list(self._events_by_call):
            call = calls.get(call_id)
            if call is None:
                del self._events_by_call[call_id]
            elif call_id not in live and _added_up(call, now):
                for key, count in _increments(call, self._events_by_call.pop(call_id), bounds):
                    bounded = self._identities.key(key)
                    self.totals[bounded] += count
                    changed.add(bounded)
        return {key: self.totals[key] for key in changed}


def _added_up(call: Call, now: float) -> bool:
    """Whether a call has been over for so long that nothing more is waited for."""
    return call.phase == "done" and (call.ended_at or call.started_at) + EVENT_GRACE_S < now


def _increments(call: Call, journey: _CallEvents, bounds: tuple[float, ...]) -> Iterator[tuple[Key, int]]:
    number = str(call.number.id) if call.number else ""
    for _, user in journey.declined:
        yield ("declined", user), 1
    for user, seconds in _holds(journey, call.ended_at or 0):
        yield ("hold_count", user), 1
        yield ("hold_sum", user), seconds
    waited = _seconds_in_queue(call, journey.rang)
    if waited is not None:
        yield ("queue_bucket", number, bucket_label(waited, bounds)), 1
        yield ("queue_sum", number), waited


def _seconds_in_queue(call: Call, rang: Iterable[float]) -> int | None:
    """From the start until the call first rang on somebody, or to the end where it never did.

    None where it must have rang and no event told when.
    """
    if call.direction == "outbound":
        return None
    first = min(rang, default=None)
    if first is not None:
        return max(0, int(first) - call.started_at)
    rang_anyhow = call.outcome == "answered" or call.missed_call_reason == "agents_did_not_answer"
    return None if rang_anyhow else call.duration


def _holds(journey: _CallEvents, end: int) -> Iterator[tuple[str, int]]:
    """Who held the call, and for how many seconds: until it was taken up again, or to its end."""
    taken_up = iter(sorted(journey.resumed))
    free_from = 0.0
    for at, user in sorted(journey.held):
        if at >= free_from:
            free_from = next((moment for moment in taken_up if moment >= at), float(end))
            yield user, max(0, int(free_from - at))
