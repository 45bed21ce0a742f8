"""Keep the events of calls until they are added up, each once."""

import sys
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from exporter.aircall.call_times import is_during
from exporter.aircall.data_limits import MAX_CALL_EVENTS, MAX_EVENTS, Limit
from exporter.aircall.events import Event
from exporter.aircall.models import Call

_WITHOUT_TALK = ("call.ringing_on_agent", "call.agent_declined")
"""Events whose user need not talk, also if the call was answered before."""


class CallEvent(NamedTuple):
    """An event about a call, as far as totals depend on it. A repeated event is equal."""

    at: float
    """UNIX seconds, Aircall's clock."""
    name: str
    user: str
    """The id of the user whom the event names; empty if it names none."""
    talks: bool
    """Whether this user talks or has talked in the call."""


def call_event(event: Event, call: Call) -> CallEvent:
    """Return an event about a call, which is `call` as the event describes it."""
    user = sys.intern(str(call.user.id)) if call.user else ""
    talks = bool(user) and call.answered_at is not None and event.name not in _WITHOUT_TALK
    return CallEvent(event.at, sys.intern(event.name), user, talks)


class KeptEvents:
    """The events of all calls that are not added up yet."""

    def __init__(self, exceeded: Counter[Limit]) -> None:
        """Keep no events yet. `exceeded` counts the events beyond a limit, which are not kept."""
        self._exceeded = exceeded
        self._by_call: dict[int, set[CallEvent]] = {}
        self._number = 0

    @property
    def calls(self) -> tuple[int, ...]:
        """The ids of the calls with events."""
        return tuple(self._by_call)

    def add(self, call_id: int, event: CallEvent) -> None:
        """Keep an event of a call."""
        kept = self._by_call.get(call_id, set())
        if event in kept:
            return
        if self._number >= MAX_EVENTS:
            self._exceeded["events"] += 1
        elif len(kept) >= MAX_CALL_EVENTS:
            self._exceeded["call_events"] += 1
        else:
            kept.add(event)
            self._by_call[call_id] = kept
            self._number += 1

    def last_at(self, call_id: int) -> float:
        """Return the time of the latest event of a call (UNIX seconds, Aircall's clock)."""
        return max(self._by_call[call_id]).at

    def pop(self, call_id: int) -> set[CallEvent]:
        """Remove and return the events of a call."""
        events = self._by_call.pop(call_id)
        self._number -= len(events)
        return events


def during(call: Call, events: Iterable[CallEvent]) -> list[CallEvent]:
    """Return the events whose time can be right, in the order of their times.

    An event outside its call's time adds nothing to any total.
    """
    return sorted(event for event in events if is_during(call, event.at))
