"""The steps of calls for the archive: where a caller went, on whom the call rang, holds and transfers.

Events report them, and call timelines report menus. Aircall does not list the steps of a call afterwards.
"""

from collections import Counter, deque
from collections.abc import Iterable
from typing import Literal, NamedTuple

from cachetools import LRUCache

from exporter.aircall.call_times import is_during
from exporter.aircall.data_limits import Limit
from exporter.aircall.events import Event
from exporter.aircall.menus import MenuStep
from exporter.aircall.models import CallWithDetails

MAX_UNSAVED = 50_000
"""Steps that wait to be saved."""

MAX_REMEMBERED = 4_000
"""The latest steps that are remembered: more than one poll fetches again. Each needs 330 bytes."""

MAX_TALKING_USERS = 20_000
"""The users whose latest talks are remembered."""

MAX_TALKS = 8
"""The latest events of a user that are remembered."""

WRAP_UP_DELAY_S = 60.0
"""Seconds after which an event about wrapping up is related to a call, because events arrive in any order."""

Source = Literal["event", "timeline"]

STEPS = {
    "call.ringing_on_agent": "ringing",
    "call.agent_declined": "declined",
    "call.answered": "answered",
    "call.transferred": "transferred",
    "call.external_transferred": "transferred_outside",
    "call.unsuccessful_transfer": "transfer_failed",
    "call.hold": "held",
    "call.unhold": "resumed",
    "call.voicemail_left": "voicemail",
    "call.assigned": "assigned",
    "call.archived": "archived",
    "call.tagged": "tagged",
    "call.untagged": "untagged",
    "call.commented": "commented",
    "user.wut_start": "wrap_up",
    "user.wut_end": "wrapped_up",
    "ai_voice_agent.started": "ai_agent",
    "ai_voice_agent.escalated": "ai_agent_escalated",
    "ai_voice_agent.ended": "ai_agent_left",
}
"""The steps that events report. The start and the end of a call are known without events."""

_TALKS = ("call.answered", "call.transferred", "call.hold", "call.unhold", "call.hungup", "call.ended")
"""Events whose user talks in the call, or has just done so, and then wraps it up."""

_WITHOUT_USER = ("archived", "tagged", "untagged", "commented")
"""Steps whose event does not name the user who did it."""


class CallStep(NamedTuple):
    """A step of a call, at a time in UNIX seconds on Aircall's clock."""

    call_id: int
    at: int
    name: str
    user_id: int | None = None
    detail: str = ""
    source: Source = "event"


class CallSteps:
    """The steps that are to be saved. The archive saves each once, however often it is reported."""

    def __init__(self, exceeded: Counter[Limit]) -> None:
        """Begin without steps. `exceeded` counts the steps beyond the limit, which are lost."""
        self._exceeded = exceeded
        self._unsaved: dict[CallStep, None] = {}
        self._remembered: LRUCache[CallStep, None] = LRUCache(MAX_REMEMBERED)
        """Steps that were taken. While a call is recent, each poll fetches its timeline again."""
        self._talks: LRUCache[int, deque[tuple[int, int]]] = LRUCache(MAX_TALKING_USERS)
        """When each user talked, and in which call. Events about wrapping up do not name the call."""
        self._wrap_ups: deque[tuple[int, str, int]] = deque(maxlen=MAX_UNSAVED)
        """Events about wrapping up: when, the step and the user."""

    def record(self, event: Event) -> None:
        """Keep the steps that an event reports."""
        at = int(event.at)
        if event.call is not None:
            self._of_call(event.name, event.call, at)
        elif event.ai_agent is not None:
            self._add(CallStep(event.ai_agent.id, at, STEPS[event.name]))
        elif event.user is not None and event.name in STEPS:
            self._wrap_ups.append((at, STEPS[event.name], event.user.id))

    def record_menus(self, call_id: int, steps: Iterable[MenuStep], source: Source = "timeline") -> None:
        """Keep what a caller did in menus."""
        for step in steps:
            self._add(CallStep(call_id, step.at, step.name, detail=step.detail, source=source))

    def _of_call(self, event: str, read: CallWithDetails, at: int) -> None:
        call, user = read.call, read.call.user
        self.record_menus(call.id, read.menu_steps, "event")
        if user is not None and event in _TALKS:
            self._talks.setdefault(user.id, deque(maxlen=MAX_TALKS)).append((at, call.id))
        name = STEPS.get(event)
        if name is None or not is_during(call, at):
            return
        user_id = user.id if user and name not in _WITHOUT_USER else None
        if name == "assigned":
            user_id = read.details.assigned_to_id
        self._add(CallStep(call.id, at, name, user_id))

    def _add(self, step: CallStep) -> None:
        if step in self._remembered or step in self._unsaved:
            return
        if len(self._unsaved) >= MAX_UNSAVED:
            self._exceeded["call_steps"] += 1
        else:
            self._unsaved[step] = None

    def _relate_wrap_ups(self, now: float) -> None:
        """Relate each event about wrapping up to the last call in which its user had talked."""
        waiting, self._wrap_ups = self._wrap_ups, deque(maxlen=MAX_UNSAVED)
        for at, name, user_id in waiting:
            before = [talk for talk in self._talks.get(user_id, ()) if talk[0] <= at]
            if at > now - WRAP_UP_DELAY_S:
                self._wrap_ups.append((at, name, user_id))
            elif before:
                self._add(CallStep(max(before)[1], at, name, user_id))

    def take(self, now: float) -> tuple[CallStep, ...]:
        """Return the steps that are to be saved `now` (UNIX seconds, Aircall's clock)."""
        self._relate_wrap_ups(now)
        taken, self._unsaved = tuple(self._unsaved), {}
        self._remembered.update(dict.fromkeys(taken))
        return taken

    def taken_back(self, steps: Iterable[CallStep]) -> None:
        """Keep these steps again: the archive had no room."""
        self._unsaved = dict.fromkeys(steps) | self._unsaved
