"""Ring attempts: each time a call rang on a user's phone, and whether the user answered it."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from exporter.account.call_events import CallEvent
from exporter.aircall.models import Call

Result = Literal["answered", "declined", "missed"]
RESULTS: tuple[Result, ...] = get_args(Result)


@dataclass(slots=True)
class _Rings:
    """What the events of a call say about one user. Times are UNIX seconds on Aircall's clock."""

    rang: list[float] = field(default_factory=list)
    declined: int = 0
    last_talk: float = -math.inf
    """The last event during or after the conversation that names the user."""


def attempts(call: Call, events: Sequence[CallEvent]) -> Iterator[tuple[str, Result, int]]:
    """Yield the users on whom a done inbound call rang, with each result and its number.

    Each ring at another time is an attempt. A ring that was neither answered nor declined is missed. The user
    who answered the call has answered one ring up to the answer. A user who received the call by a transfer
    has answered one ring after it. `events` are those of the call, in the order of their times.
    """
    if call.direction == "outbound":
        return
    answered_at, first_user = _first_answer(call, events)
    last_user = str(call.user.id) if call.user and call.outcome == "answered" else ""
    for user, rings in sorted(_by_user(events).items()):
        answers = int(user == first_user and any(at <= answered_at for at in rings.rang))
        later = min((at for at in rings.rang if at > answered_at), default=math.inf)
        if later < math.inf and (user == last_user or rings.last_talk >= later):
            answers += 1
        if answers:
            yield user, "answered", answers
        if rings.declined:
            yield user, "declined", rings.declined
        if len(rings.rang) > answers + rings.declined:
            yield user, "missed", len(rings.rang) - answers - rings.declined


def _by_user(events: Iterable[CallEvent]) -> Mapping[str, _Rings]:
    """Return what the events say about each user, by id."""
    found: defaultdict[str, _Rings] = defaultdict(_Rings)
    for event in events:
        if event.user:
            rings = found[event.user]
            match event.name:
                case "call.ringing_on_agent":
                    rings.rang.append(event.at)
                case "call.agent_declined":
                    rings.declined += 1
            if event.talks:
                rings.last_talk = event.at
    return found


def _first_answer(call: Call, events: Sequence[CallEvent]) -> tuple[float, str]:
    """Return when a call was first answered, and by which user: never and empty if it was not."""
    if call.outcome != "answered" or call.answered_at is None:
        return math.inf, ""
    answered_at = float(call.answered_at)
    talks = [event for event in events if event.talks]
    for event in talks:
        if event.name == "call.answered":
            return max(event.at, answered_at), event.user
    if talks:
        return answered_at, talks[0].user
    return answered_at, str(call.user.id) if call.user else ""
