"""Ring attempts: each time a call rang on a user's phone, and whether the user answered it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, get_args

from exporter.aircall.call_times import is_during
from exporter.aircall.models import Call

Result = Literal["answered", "declined", "missed"]
RESULTS: tuple[Result, ...] = get_args(Result)


@dataclass(slots=True)
class Rings:
    """What the events of a call say about rings. Times are UNIX seconds on Aircall's clock, users are ids."""

    rang: set[tuple[float, str]] = field(default_factory=set)
    """When the call rang on which user. A repeated event has the same time."""
    declined: set[tuple[float, str]] = field(default_factory=set)
    """When which user declined it."""
    answers: set[tuple[float, str]] = field(default_factory=set)
    """The times and users of `call.answered`."""
    first_talk: tuple[float, str] | None = None
    """The earliest event during or after the conversation that names its user, and this user."""
    talked_at: dict[str, float] = field(default_factory=dict)
    """When each user was last named by such an event."""

    def record(self, event: str, call: Call, at: float) -> None:
        """Record an event and the call as the event describes it."""
        user = str(call.user.id) if call.user else ""
        if not user:
            return
        match event:
            case "call.ringing_on_agent":
                self.rang.add((at, user))
            case "call.agent_declined":
                self.declined.add((at, user))
            case _ if call.answered_at is not None:
                if event == "call.answered":
                    self.answers.add((at, user))
                self.first_talk = min(self.first_talk or (at, user), (at, user))
                self.talked_at[user] = max(at, self.talked_at.get(user, at))


def attempts(call: Call, rings: Rings) -> Iterator[tuple[str, Result, int]]:
    """Yield the users on whom a done inbound call rang, with each result and its number.

    Each ring at another time is an attempt. A ring that was neither answered nor declined is missed. The user
    who answered the call has answered one ring up to the answer. A user who received the call by a transfer
    has answered one ring after it.
    """
    if call.direction == "outbound":
        return
    rang = [(at, user) for at, user in rings.rang if is_during(call, at)]
    declined = [user for at, user in rings.declined if is_during(call, at)]
    answered_at, first_user = _first_answer(call, rings)
    last_user = str(call.user.id) if call.user and call.outcome == "answered" else ""
    for user in sorted({user for _, user in rang} | set(declined)):
        times = [at for at, of in rang if of == user]
        declines = declined.count(user)
        answers = int(user == first_user and any(at <= answered_at for at in times))
        later = min((at for at in times if at > answered_at), default=math.inf)
        if later < math.inf and (user == last_user or rings.talked_at.get(user, -math.inf) >= later):
            answers += 1
        if answers:
            yield user, "answered", answers
        if declines:
            yield user, "declined", declines
        if len(times) > answers + declines:
            yield user, "missed", len(times) - answers - declines


def _first_answer(call: Call, rings: Rings) -> tuple[float, str]:
    """Return when a call was first answered, and by which user: never and empty if it was not."""
    if call.outcome != "answered" or call.answered_at is None:
        return math.inf, ""
    if rings.answers:
        at, user = min(rings.answers)
        return max(at, float(call.answered_at)), user
    if rings.first_talk:
        return float(call.answered_at), rings.first_talk[1]
    return float(call.answered_at), str(call.user.id) if call.user else ""
