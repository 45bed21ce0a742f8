"""Apply webhook events to the account, in whatever order they arrive."""

import dataclasses
import math
from typing import Literal

from msgspec.structs import replace

from exporter.account.account import Account
from exporter.account.call_store import EVENT_REORDER_WINDOW_S
from exporter.account.call_versions import completed
from exporter.account.menu_stages import learn
from exporter.account.presence import state_from_event
from exporter.aircall.events import EVENTS, Event, UserEventData
from exporter.aircall.menus import NO_MENUS, MenuTimes
from exporter.aircall.models import Call, CallWithDetails

EventOutcome = Literal["accepted", "out_of_order", "ignored"]
"""Whether an event was new (`accepted`), older than the known data, or about a call that is not shown."""

EVENT_TIME_OFFSET_S = 0.8
"""Offset in seconds that is added to the time of an event, which Aircall dates in whole seconds.

An event is treated as near the end of its second, ordered by type within it."""

MAX_EVENT_LEAD_S = 5.0
"""Seconds by which an event's time may be ahead of Aircall's clock."""


class EventProcessor:
    """Applies events, and records which users have to be fetched because of them."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.last_call_event_at = self.last_user_event_at = -1e9
        """When the last event about a call, and about a user, arrived (our clock)."""
        self.uncertain_users: dict[int, float] = {}
        """Users whose state changed according to an event that did not name the new one; since when (our
        clock)."""
        self.lists_changed: set[str] = set()
        """The lists, `users` and `numbers`, in which objects were created or deleted."""

    def apply(self, event: Event, now: float) -> EventOutcome:
        """Apply an event that arrived `now` (our clock)."""
        event = dataclasses.replace(
            event, at=min(event.at, now + self._account.server_ahead + MAX_EVENT_LEAD_S)
        )
        as_of = event.at + EVENT_TIME_OFFSET_S + EVENTS.index(event.name) / 1000 - self._account.server_ahead
        if event.ignored is not None:
            self._account.ignore_calls([event.ignored])
            return "ignored"
        self._account.steps.record(event)
        if event.call is not None:
            self.last_call_event_at = now
            return self._of_call(event, event.call, as_of, now)
        if event.user is not None:
            self.last_user_event_at = now
            return self._of_user(event.name, event.user, as_of, now)
        if event.number is not None:
            return self._of_number(event.name, event.number.id, as_of)
        if event.ai_agent is not None:
            return self._of_ai_agent(event, event.ai_agent.id, as_of, now)
        return "accepted"

    def on_availabilities_fetched(self) -> None:
        """Remove the uncertain users whose availability has been fetched since."""
        seen = self._account.presence.users
        self.uncertain_users = {
            user_id: since
            for user_id, since in self.uncertain_users.items()
            if user_id in seen and seen[user_id].observed_at <= since
        }

    def _of_call(self, event: Event, read: CallWithDetails, as_of: float, now: float) -> EventOutcome:
        account = self._account
        self._learn_menus(read.call.id, _menu_times(event, read.call), as_of, now)
        call = replace(completed(read, account.calls.calls.get(read.call.id)), as_of=as_of)
        before = account.calls.calls.get(call.id)
        if before is None and self._was_fetched_since(call, event.at):
            return "out_of_order"
        needs_fetch = call.id in account.ledger.reported_calls or (
            before is None and self._may_be_archived(call)
        )
        if needs_fetch and account.ledger.totals is not None:
            is_newest = account.ledger.read_again(call.id, as_of, now)
            if call.id in account.ledger.reported_calls:
                self._record(event, call, before)
            return "accepted" if is_newest else "out_of_order"
        if before is None and self._is_pruned(call):
            return "out_of_order"
        if before is None and not account.has_room_for_calls():
            return "ignored"
        shown = replace(call, user=None) if call.waiting else call  # as in polls, without the ringing user
        is_read_again = before is not None and call.id in account.calls.recount_ids
        is_newest = not is_read_again and account.apply_call(shown, read.details, as_of, by_event=True)
        if needs_fetch:  # the archive is not open yet and may have a newer version
            account.ledger.read_again(call.id, as_of, now)
        known = account.calls.calls[call.id]
        account.calls.note_event(call.id, account.as_of)
        self._record(event, call, known)
        if event.name in ("call.external_transferred", "call.unsuccessful_transfer"):
            left = event.name == "call.external_transferred"
            account.calls.talking.reported(call, left, as_of)
        if not is_newest:
            return "out_of_order"
        self._in_call(before, shown, as_of, now)
        return "accepted"

    def _record(self, event: Event, call: Call, known: Call | None) -> None:
        """Collect an event for the totals that only events supply."""
        account = self._account
        account.event_stats.record(event, call, known, account.calls.active, account.as_of)

    def _learn_menus(self, call_id: int, times: MenuTimes, as_of: float, now: float) -> None:
        """Take in what an event says about a caller's menus. A done call is fetched for the archive."""
        if learn(self._account, call_id, times):
            self._account.ledger.read_again(call_id, as_of, now)

    def _of_ai_agent(self, event: Event, call_id: int, as_of: float, now: float) -> EventOutcome:
        """Take in that a caller began or ended to talk to an AI voice agent."""
        at = int(event.at)
        if event.name == "ai_voice_agent.started":
            times = MenuTimes(entered_at=at, ai_agent=True)
        else:
            times = MenuTimes(left_at=at, ai_left_at=at, ai_agent=True)
        self._learn_menus(call_id, times, as_of, now)
        return "accepted"

    def _was_fetched_since(self, call: Call, at: float) -> bool:
        """Return whether an unknown call was fetched after the event, which arrives late."""
        account = self._account
        is_late = at < account.as_of - EVENT_REORDER_WINDOW_S and account.coverage.is_fetched(call.started_at)
        return is_late and call.id not in account.ledger.unfinished_ids

    def _may_be_archived(self, call: Call) -> bool:
        """Return whether the archive may have a newer version of a call that is not in memory.

        An earlier run may have saved it, or this run before it removed the call from memory.
        """
        account = self._account
        read_to = account.coverage.fetched[-1][1] if account.coverage.fetched else -math.inf
        return call.started_at <= read_to or (
            account.first_poll_at is not None and call.started_at < account.first_poll_at
        )

    def _is_pruned(self, call: Call) -> bool:
        """Return whether an unknown call that continues by the event started before the calls in memory."""
        account = self._account
        is_old = call.phase != "done" and call.started_at < account.store_since(account.as_of)
        return is_old and call.id not in account.ledger.unfinished_ids

    def _in_call(self, before: Call | None, call: Call, at: float, now: float) -> None:
        """Set the state of the call's user to `in_call`. Its other users become uncertain."""
        talking_id = call.user.id if call.phase == "answered" and call.user else None
        if self._account.calls.talking.has_left(call):
            talking_id = None
        if talking_id is not None:
            self._apply_state(talking_id, "in_call", at, now)
        for version in (before, call):
            user = version.user if version else None
            seen = self._account.presence.users.get(user.id) if user else None
            if user and user.id != talking_id and seen and seen.state == "in_call":
                self._mark_uncertain(user.id, at)

    def _of_user(self, event: str, user: UserEventData, at: float, now: float) -> EventOutcome:
        account = self._account
        if event in ("user.created", "user.deleted"):
            listed = user.id in account.directory.users
            if listed == (event == "user.deleted"):
                self.lists_changed.add("users")
            return "accepted"
        known = account.presence.users.get(user.id)
        if known is not None and at < known.observed_at:
            return "out_of_order"
        state = state_from_event(event, user.available, known.state if known else None)
        if state is None:
            self._mark_uncertain(user.id, at)
        else:
            self._apply_state(user.id, state, at, now)
        if user.substatus is not None:
            account.reference_data.apply_substatus(user.id, user.substatus, at)
        return "accepted"

    def _of_number(self, event: str, number_id: int, at: float) -> EventOutcome:
        directory = self._account.directory
        if event in ("number.created", "number.deleted"):
            if (number_id in directory.numbers) == (event == "number.deleted"):
                self.lists_changed.add("numbers")
            return "accepted"
        is_newest = directory.set_open(number_id, event == "number.opened", at, by_event=True)
        return "accepted" if is_newest else "out_of_order"

    def _apply_state(self, user_id: int, state: str, at: float, now: float) -> None:
        if user_id not in self._account.presence.users and at < now - EVENT_REORDER_WINDOW_S:
            return  # the state since then is unknown, and the time may be wrong
        self._account.reference_data.apply_availability(user_id, state, at)
        if at >= self.uncertain_users.get(user_id, at):
            self.uncertain_users.pop(user_id, None)

    def _mark_uncertain(self, user_id: int, at: float) -> None:
        seen = self._account.presence.users.get(user_id)
        if seen is None or seen.observed_at <= at:
            self.uncertain_users[user_id] = max(at, self.uncertain_users.get(user_id, at))


def _menu_times(event: Event, call: Call) -> MenuTimes:
    """Return what an event says about the menus of its call."""
    times = call.menus or NO_MENUS
    if event.name == "call.ringing_on_agent" and call.direction == "inbound":
        return times.merged(MenuTimes(first_rang_at=int(event.at), rang_at=int(event.at)))
    return times
