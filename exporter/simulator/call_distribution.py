"""Distribute inbound calls to users, by opening hours, menus and a queue for each number."""

from functools import partial
from random import Random

from exporter.simulator.call_edits import CallEdits
from exporter.simulator.call_handling import CallHandling
from exporter.simulator.models import SimulatedCall, SimulatedNumber, SimulatedUser
from exporter.simulator.names import MENU, SUBMENU

MAX_WAIT_S = 60.0
"""Seconds in the queue after which Aircall sends a caller to voicemail."""


class CallDistribution:
    """Connects callers with available users.

    A waiting call rings on one user at a time, first on the one who has been free for longest. A user who
    becomes free gets the call that has waited longest on one of their numbers.
    """

    def __init__(self, board: CallEdits, random: Random) -> None:
        self._board, self._random = board, random
        self.handling = CallHandling(board, random, on_free=self.serve)
        self._queues: dict[SimulatedNumber, dict[int, SimulatedCall]] = {}
        """By number, waiting calls by id that ring on no user, oldest first. Empty queues are removed."""
        self._ringing_on: set[int] = set()
        self._declined: dict[int, set[int]] = {}
        """By call in the queue, the users who did not answer it."""

    def start_inbound_call(self, number: SimulatedNumber | None, caller: str) -> None:
        """Start an inbound call to a number. A call without a number is never answered."""
        random, schedule = self._random, self._board.schedule
        call = self._board.ring_in(number.id if number else None, caller)
        now = self._board.now
        if number is not None and not number.is_open:
            schedule(now + random.uniform(3, 9), partial(self._give_up, call, "out_of_opening_hours"))
        elif number is not None and number.has_ai_agent:
            schedule(now + 1, partial(self._talk_to_ai_agent, call))
        elif random.random() < 0.04:
            schedule(now + random.uniform(1.5, 9), partial(self._give_up, call, "short_abandoned"))
        elif number is not None and number.is_ivr:
            if random.random() < 0.06:
                schedule(now + random.uniform(6, 25), partial(self._give_up, call, "abandoned_in_ivr"))
            else:
                schedule(now + number.greeting_s + random.uniform(4, 14), partial(self._choose, call))
        elif number is not None and number.greeting_s:
            schedule(now + number.greeting_s, partial(self._queue, call))
        else:
            self._queue(call)

    def serve(self, user: SimulatedUser) -> None:
        """Let the call that has waited longest for this user ring on their phone."""
        if not self._is_free(user.id):
            return
        waiting = [
            call
            for number, queue in self._queues.items()
            if user.id in number.user_ids
            for call in queue.values()
            if call.is_waiting and user.id not in self._declined[call.id]
        ]
        if waiting:
            call = min(waiting, key=lambda call: call.id)
            self._unqueue(call)
            self._ring(call, user)

    def _talk_to_ai_agent(self, call: SimulatedCall) -> None:
        """Let an AI agent handle one call in two until its end, and pass on the others."""
        if not call.is_waiting:
            return
        own = Random(f"ai agent {call.id}")  # noqa: S311 a simulation; see `CallHandling._hold`
        self._board.start_ai_agent(call.id)
        seconds, handles = own.uniform(20, 60), own.random() < 0.5
        self._board.schedule(self._board.now + seconds, partial(self._talked_to_ai_agent, call, handles))

    def _talked_to_ai_agent(self, call: SimulatedCall, handles: bool) -> None:
        if call.ai_agent is None:
            return
        if handles:
            self._board.end_ai_agent(call.id)
        else:
            self._board.escalate_ai_agent(call.id)
            self._queue(call)

    def _choose(self, call: SimulatedCall) -> None:
        """Let the caller choose in a menu, and one caller in four also in the menu after it."""
        if not call.is_waiting:
            return
        own = Random(f"menu {call.id}")  # noqa: S311 a simulation; see `CallHandling._hold`
        submenu_s, has_submenu = own.uniform(3, 6), own.random() < 1 / 4
        self._board.select_option(call.id, *own.choice(MENU))
        if has_submenu:
            again = partial(self._choose_again, call, *own.choice(SUBMENU))
            self._board.schedule(self._board.now + submenu_s, again)
        else:
            self._queue(call)

    def _choose_again(self, call: SimulatedCall, title: str, key: str) -> None:
        if call.is_waiting:
            self._board.select_option(call.id, title, key)
            self._queue(call)

    def _queue(self, call: SimulatedCall) -> None:
        if not call.is_waiting:
            return
        self._declined[call.id] = set()
        patience = 9 + self._random.expovariate(1 / 80)
        end = partial(self._leave_queue, call, abandons=patience < MAX_WAIT_S)
        self._board.schedule(self._board.now + min(patience, MAX_WAIT_S), end)
        self._offer(call)

    def _offer(self, call: SimulatedCall) -> None:
        number = call.number
        if number is None:
            return
        free = [id_ for id_ in number.user_ids if self._is_free(id_) and id_ not in self._declined[call.id]]
        if free:
            users = [self._board.users[id_] for id_ in free]
            self._ring(call, min(users, key=lambda user: (user.wrap_up_until, user.id)))
        else:
            self._queues.setdefault(number, {})[call.id] = call

    def _is_free(self, user_id: int) -> bool:
        return user_id not in self._ringing_on and self._board.is_available(user_id)

    def _ring(self, call: SimulatedCall, user: SimulatedUser) -> None:
        self._ringing_on.add(user.id)
        self._board.ring_on(call.id, user.id)
        answers = self._random.random() < 0.87
        seconds = self._random.uniform(2, 9) if answers else self._random.uniform(20, 28)
        self._board.schedule(self._board.now + seconds, partial(self._rang, call, user, answers))

    def _rang(self, call: SimulatedCall, user: SimulatedUser, answers: bool) -> None:
        self._ringing_on.discard(user.id)
        if not call.is_waiting:
            self.serve(user)
        elif answers and self._is_free(user.id):
            self._board.answer(call.id, user.id)
            del self._declined[call.id]
            self.handling.talk(call)
        else:
            self._declined[call.id].add(user.id)
            if not _rings_out(call, user):
                self._board.decline(call.id, user.id)
            self._offer(call)
            self.serve(user)

    def _leave_queue(self, call: SimulatedCall, abandons: bool) -> None:
        if not call.is_waiting:
            return
        self._unqueue(call)
        if abandons:
            self._give_up(call, "abandoned_in_classic")
        else:
            self._give_up(call, "agents_did_not_answer" if self._declined[call.id] else "no_available_agent")

    def _give_up(self, call: SimulatedCall, reason: str) -> None:
        if call.is_waiting:
            voicemail = reason not in ("short_abandoned", "abandoned_in_ivr") and self._random.random() < 0.3
            self._board.miss(call.id, reason, voicemail=voicemail)
            self._declined.pop(call.id, None)

    def _unqueue(self, call: SimulatedCall) -> None:
        if call.number in self._queues:
            queue = self._queues[call.number]
            queue.pop(call.id, None)
            if not queue:
                del self._queues[call.number]


def _rings_out(call: SimulatedCall, user: SimulatedUser) -> bool:
    """Return whether a user who does not answer a call lets it ring, instead of declining it."""
    own = Random(f"rings {call.id} {user.id}")  # noqa: S311 a simulation; see `CallHandling._hold`
    return own.random() < 0.5
