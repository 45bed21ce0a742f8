"""Simulate outbound and answered calls until they end."""

from collections.abc import Callable
from functools import partial
from random import Random

from exporter.simulator.call_edits import CallEdits
from exporter.simulator.models import SimulatedCall, SimulatedUser
from exporter.simulator.names import COMMENTS, TAGS


class CallHandling:
    """Schedules conversations, holds, transfers and hang-ups, and then tags and comments.

    `on_free` is called with each user who has finished a call and its after-call work.
    """

    def __init__(self, board: CallEdits, random: Random, on_free: Callable[[SimulatedUser], None]) -> None:
        self._board, self._random, self._on_free = board, random, on_free
        self._colleagues = list(board.users)
        self.talk_scale = 1.0
        """Factor for the usual length of conversations."""

    def dial(self, user_id: int, number_id: int | None, callee: str) -> None:
        """Start an outbound call, which is answered in two cases out of three."""
        call = self._board.dial(user_id, number_id, callee)
        picks_up = self._random.random() < 0.68
        rings = self._random.uniform(4, 22) if picks_up else self._random.uniform(12, 40)
        self._after(rings, partial(self._picked_up, call) if picks_up else partial(self._end, call))

    def talk(self, call: SimulatedCall) -> None:
        """Schedule the conversation of an answered call, and its end."""
        seconds = self._talk_seconds()
        self._hold(call, seconds)
        if call.direction == "inbound" and self._random.random() < 0.07:
            self._after(seconds * self._random.uniform(0.2, 0.8), partial(self._transfer, call))
        self._after(seconds, partial(self._end, call))

    def _hold(self, call: SimulatedCall, seconds: float) -> None:
        """Put one call in eight on hold for a part of the conversation."""
        random = Random(call.id)  # noqa: S311 a simulation; a separate sequence does not change the others
        if random.random() < 1 / 8:
            begin, length = seconds * random.uniform(0.1, 0.6), seconds * random.uniform(0.05, 0.3)
            self._after(begin, partial(self._if_in_progress, self._board.hold, call))
            self._after(begin + length, partial(self._if_in_progress, self._board.unhold, call))

    @staticmethod
    def _if_in_progress(step: Callable[[int], None], call: SimulatedCall) -> None:
        if call.status == "answered":
            step(call.id)

    def _talk_seconds(self) -> float:
        if self._random.random() < 0.025:
            return self.talk_scale * self._random.uniform(20 * 60, 65 * 60)
        return self.talk_scale * (5 + self._random.lognormvariate(5.1, 0.85))

    def _after(self, seconds: float, event: Callable[[], None]) -> None:
        self._board.schedule(self._board.now + seconds, event)

    def _picked_up(self, call: SimulatedCall) -> None:
        if call.status == "initial":
            self._board.answer(call.id, call.user_id)
            self.talk(call)

    def _transfer(self, call: SimulatedCall) -> None:
        colleagues = self._random.sample(self._colleagues, min(8, len(self._colleagues)))
        free = [user for user in colleagues if self._board.is_available(user)]
        if call.status == "answered" and free:
            giver = call.user
            self._board.transfer(call.id, free[0])
            self._after_call_work(giver)

    def _end(self, call: SimulatedCall) -> None:
        if call.status == "done":
            return
        self._board.hang_up(call.id)
        self._after_call_work(call.user)
        self._comment(call)

    def _after_call_work(self, user: SimulatedUser | None) -> None:
        if user is not None:
            self._board.schedule(user.wrap_up_until, partial(self._on_free, user))

    def _comment(self, call: SimulatedCall) -> None:
        """Schedule tags and comments during after-call work or later, and assign few calls."""
        board, random = self._board, self._random
        own = Random(f"remarks {call.id}")  # noqa: S311 a simulation; see `_hold`
        if random.random() < 0.35:
            self._after(random.uniform(1, 90), partial(board.tag, call.id, random.choice(TAGS)))
        if random.random() < 0.1:
            self._after(random.uniform(5, 600), partial(board.comment, call.id, random.choice(COMMENTS)))
        if call.user is not None and random.random() < 0.05:
            self._after(own.uniform(5, 600), partial(self._assign, call, call.user))
        if own.random() < 0.2:
            self._after(own.uniform(60, 3600), partial(board.archive, call.id))

    def _assign(self, call: SimulatedCall, user: SimulatedUser) -> None:
        if user.id in self._board.users:
            self._board.assign(call.id, user.id)
