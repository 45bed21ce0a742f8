"""Change the simulated account: calls and their events, users and their availability."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from math import floor
from threading import RLock

from exporter.simulator.account_events import AccountEvent, Listener
from exporter.simulator.call_history import CallHistory
from exporter.simulator.directory import Directory
from exporter.simulator.models import Direction, SimulatedCall, SimulatedNumber, SimulatedUser
from exporter.simulator.timeline import Timeline

ENDED_EVENT_DELAY_S = 30.0
"""Seconds from hanging up until Aircall has the complete call and sends `call.ended`."""


class Switchboard(Directory):
    """The phones of an account from `begin` (UNIX seconds) on.

    All changes are made by the methods below. Their parameter `at` is in UNIX seconds, None for now. A later
    time advances the account to it. An earlier time is recorded as if it had been known then. They raise
    KeyError for an unknown id, and ValueError if the state of the call or user does not allow the step. A
    server may use the same account at the same time.
    """

    def __init__(self, begin: float) -> None:
        super().__init__()
        self.calls = CallHistory()
        self.lock = RLock()
        """Held while the account changes. Hold it to read several values of one moment."""
        self.on_free: Callable[[SimulatedUser], object] = lambda _: None
        """Called with each user whom another person made available."""
        self.listeners: list[Listener] = []
        """Called with each event, while the lock is held."""
        self._timeline = Timeline(begin)
        self.call_ids = count(2_410_000_001)
        """The ids of future calls."""

    @property
    def now(self) -> float:
        """The account's current time in UNIX seconds."""
        return self._timeline.now

    def advance(self, now: float) -> None:
        """Advance to `now` (UNIX seconds). A time before the current one is ignored."""
        with self.lock:
            self._timeline.advance(now)

    def schedule(self, at: float, event: Callable[[], object]) -> None:
        """Call `event` when the account reaches `at` (UNIX seconds)."""
        with self.lock:
            self._timeline.schedule(at, event)

    def availability(self, user_id: int) -> str:
        """Return a user's availability now."""
        user = self.users[user_id]
        if user.call is not None:
            return "in_call"
        return "after_call_work" if self.now < user.wrap_up_until else user.presence

    def is_available(self, user_id: int) -> bool:
        """Return whether a user exists and could take a call now."""
        return user_id in self.users and self.availability(user_id) == "available"

    def set_availability(
        self, user_id: int, state: str, at: float | None = None, substatus: str | None = None
    ) -> None:
        """Set a user's state, which is shown once their call is over. Also ends their after-call work.

        `substatus` is the reason of a pause, such as `out_for_lunch`.
        """
        with self._moment(at):
            user = self.users[user_id]
            self._wrapped_up(user, user.wrap_up_until)
            before, user.presence, user.wrap_up_until = user.presence, state, 0.0
            if user.availability_status != "custom" and state in ("available", "do_not_disturb"):
                free = state == "available"
                user.availability_status = "available" if free else "unavailable"
                user.substatus = substatus or ("always_open" if free else "always_closed")
            self._notify_of_presence(user, before)

    def switch(self, user_id: int, status: str) -> None:
        """Make a user `available` or `unavailable` at another's request, at once or after their call.

        A user who is signed out stays signed out. A user on `custom` ("Auto") does not change, as the
        tutorial says.
        """
        with self._moment(None):
            user = self.users[user_id]
            if user.availability_status == "custom":
                return
            free = status == "available"
            user.availability_status, user.forced_unavailable = status, not free
            user.substatus = "always_open" if free else "always_closed"
            if user.presence in ("available", "do_not_disturb"):
                self.set_availability(user_id, "available" if free else "do_not_disturb")
                if free:
                    self.on_free(user)

    def ring_in(self, number_id: int | None, caller: str, at: float | None = None) -> SimulatedCall:
        """Start an inbound call, which waits in the number's queue until it is answered or missed."""
        with self._moment(at) as moment:
            number = None if number_id is None else self.numbers[number_id]
            call = self._start("inbound", number, caller, moment)
            call.team_ids = list(number.team_ids) if number else []
            self._notify("call.created", call, moment)
            return call

    def ring_on(self, call_id: int, user_id: int, at: float | None = None) -> None:
        """Let a waiting call ring on a user's phone. Numbers with the classic IVR send no event of it."""
        with self._moment(at) as moment:
            call, user = self.calls[call_id], self.users[user_id]
            if self.smartflows or call.number is None or not call.number.is_ivr:
                self._notify("call.ringing_on_agent", call, moment, user)

    def decline(self, call_id: int, user_id: int, at: float | None = None) -> None:
        """Let a user decline a call that rings on their phone."""
        with self._moment(at) as moment:
            self._notify("call.agent_declined", self.calls[call_id], moment, self.users[user_id])

    def hold(self, call_id: int, at: float | None = None) -> None:
        """Let the user put an answered call on hold."""
        with self._moment(at) as moment:
            self._notify("call.hold", self._in_status(call_id, "answered"), moment)

    def unhold(self, call_id: int, at: float | None = None) -> None:
        """Let the user resume a call that was on hold."""
        with self._moment(at) as moment:
            self._notify("call.unhold", self._in_status(call_id, "answered"), moment)

    def dial(
        self, user_id: int, number_id: int | None, callee: str, at: float | None = None
    ) -> SimulatedCall:
        """Start an outbound call, which rings until it is answered or hung up."""
        with self._moment(at) as moment:
            number = None if number_id is None else self.numbers[number_id]
            user = self._idle(user_id)
            call = self._start("outbound", number, callee, moment)
            call.user, user.call = user, call
            self._notify("call.created", call, moment)
            return call

    def answer(self, call_id: int, user_id: int | None, at: float | None = None) -> None:
        """Let a user answer a waiting inbound call, or the other side an outbound one.

        If `user_id` is None, the inbound call has no user, as Aircall shows some calls. The time at which an
        AI agent answered does not change.
        """
        with self._moment(at) as moment:
            call = self._unanswered(call_id)
            if call.ai_agent is not None:
                raise ValueError(f"call {call_id} is with an AI agent, which has not passed it on")
            if call.direction == "inbound" and user_id is not None:
                call.user = self._idle(user_id)
                call.user.call = call
            call.answered_at = call.answered_at or self._not_before(call.started_at, moment)
            call.reached_person = True
            self._notify("call.answered", call, moment)

    def transfer(
        self, call_id: int, to_user: int, at: float | None = None, number_id: int | None = None
    ) -> None:
        """Transfer an answered call to another user, and to another number if one is given."""
        with self._moment(at) as moment:
            call = self._in_status(call_id, "answered")
            user = self._idle(to_user)
            number = call.number if number_id is None else self.numbers[number_id]
            self._release(call, moment)
            call.transferred_by, call.transferred_to = call.user, user
            call.user, user.call, call.number = user, call, number
            self._notify("call.transferred", call, moment)

    def transfer_outside(self, call_id: int, phone_number: str, at: float | None = None) -> None:
        """Transfer an answered call to an outside number. The call continues, and its user is free."""
        with self._moment(at) as moment:
            call = self._in_status(call_id, "answered")
            call.external_transferred_to = phone_number
            self._release(call, moment)
            self._notify("call.external_transferred", call, moment)

    def hang_up(self, call_id: int, at: float | None = None) -> None:
        """End an answered call, or an outbound call that was not answered."""
        with self._moment(at) as moment:
            call = self.calls[call_id]
            if call.status == "done" or call.is_waiting:
                raise ValueError(f"call {call_id} is {call.status}: there is nothing to hang up")
            call.recorded = call.answered_at is not None
            self._end(call, moment)

    def never_end(self, call_id: int) -> None:
        """Let both sides hang up while the API shows the call indefinitely as it is now."""
        with self._moment(None) as moment:
            self._release(self.calls[call_id], moment)

    def miss(self, call_id: int, reason: str, at: float | None = None, voicemail: bool = False) -> None:
        """End a waiting inbound call as missed, for one of Aircall's reasons or any other."""
        with self._moment(at) as moment:
            call = self._unanswered(call_id)
            if call.direction == "outbound":
                raise ValueError(f"call {call_id} is outbound: it cannot be missed")
            call.missed_call_reason, call.voicemail = reason, voicemail
            self._end(call, moment)
            if voicemail:
                self._notify("call.voicemail_left", call, moment)

    def add_user(
        self, name: str, *, team_ids: Iterable[int] = (), number_ids: Iterable[int] = ()
    ) -> SimulatedUser:
        """Add a user, as `Directory.add_user` does, and send the event."""
        with self._moment(None) as moment:
            user = super().add_user(name, team_ids=team_ids, number_ids=number_ids)
            self._notify("user.created.v2", None, moment, user)
            return user

    def remove_user(self, user_id: int) -> None:
        """Delete a user, as `Directory.remove_user` does, and send the event."""
        with self._moment(None) as moment:
            user = self.users[user_id]
            super().remove_user(user_id)
            self._notify("user.deleted.v2", None, moment, user)

    @contextmanager
    def _moment(self, at: float | None) -> Iterator[float]:
        with self.lock:
            if at is not None and at > self.now:
                self.advance(at)
            yield self.now if at is None else at

    def _start(
        self, direction: Direction, number: SimulatedNumber | None, raw_digits: str, at: float
    ) -> SimulatedCall:
        call = SimulatedCall(next(self.call_ids), direction, floor(at), raw_digits, number)
        self.calls.add(call)
        return call

    def _idle(self, user_id: int) -> SimulatedUser:
        user = self.users[user_id]
        if user.call is not None:
            raise ValueError(f"user {user_id} is in call {user.call.id}")
        return user

    def _in_status(self, call_id: int, status: str) -> SimulatedCall:
        call = self.calls[call_id]
        if call.status != status:
            raise ValueError(f"call {call_id} is {call.status}, not {status}")
        return call

    def _unanswered(self, call_id: int) -> SimulatedCall:
        return self.calls[call_id] if self.calls[call_id].is_waiting else self._in_status(call_id, "initial")

    def _end(self, call: SimulatedCall, at: float) -> None:
        call.ended_at = self._not_before(call.answered_at or call.started_at, at)
        self._notify("call.hungup", call, at)
        self._release(call, at)
        if self.listeners:
            self.schedule(
                at + ENDED_EVENT_DELAY_S, partial(self._notify, "call.ended", call, at + ENDED_EVENT_DELAY_S)
            )

    @staticmethod
    def _not_before(earlier: int, at: float) -> int:
        if floor(at) < earlier:
            raise ValueError(f"{at} is before {earlier}: the times of a call follow each other")
        return floor(at)

    def _release(self, call: SimulatedCall, at: float) -> None:
        user = call.user
        if user is not None and user.call is call:
            user.call = None
            user.wrap_up_until = at + user.wrap_up_time
            if self.listeners and user.wrap_up_time:
                self._notify("user.wut_start.v2", None, at, user)
                self.schedule(user.wrap_up_until, partial(self._wrapped_up, user, user.wrap_up_until))

    def _wrapped_up(self, user: SimulatedUser, since: float) -> None:
        """Send the event of the end of after-call work, unless other after-call work has begun since."""
        if user.wrap_up_until == since > 0 and user.wrap_up_until >= self.now and user.call is None:
            self._notify("user.wut_end.v2", None, self.now, user)

    def _notify_of_presence(self, user: SimulatedUser, before: str) -> None:
        if "offline" in (before, user.presence) and before != user.presence:
            way = "disconnected" if user.presence == "offline" else "connected"
            self._notify(f"user.{way}.v2", None, self.now, user)
        elif user.presence in ("available", "do_not_disturb"):
            way = "opened" if user.presence == "available" else "closed"
            self._notify(f"user.{way}.v2", None, self.now, user)

    def _notify(
        self, event: str, call: SimulatedCall | None, at: float, user: SimulatedUser | None = None
    ) -> None:
        for listener in self.listeners:
            listener(AccountEvent(event, at, call, user))

    def _notify_of_number(self, event: str, number: SimulatedNumber, at: float) -> None:
        for listener in self.listeners:
            listener(AccountEvent(event, at, number=number))
