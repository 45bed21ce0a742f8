"""Schedule the shifts and breaks of users."""

from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from typing import NamedTuple

from exporter.simulator.load_profile import DAY_S, CompanyClock
from exporter.simulator.models import SimulatedUser
from exporter.simulator.switchboard import Switchboard

_PAUSES = (("on_a_break", 10), ("on_a_break", 8), ("back_office", 16), ("in_training", 25), ("other", 5))


class _Change(NamedTuple):
    hour: float
    state: str
    substatus: str | None = None


class Shifts:
    """Changes the availability of users by shifts and pauses, day after day.

    `on_free` is called with each user who becomes available.
    """

    def __init__(
        self,
        board: Switchboard,
        random: Random,
        clock: CompanyClock,
        on_free: Callable[[SimulatedUser], None],
    ) -> None:
        self._board, self._random, self._clock, self._on_free = board, random, clock, on_free

    def begin(self) -> None:
        """Set each user's availability by the shifts of today and last night, and schedule later ones."""
        for user_id in list(self._board.users):
            self._board.set_availability(user_id, "offline")
        midnight = self._clock.midnight(self._board.now)
        self._plan(midnight - DAY_S)
        self._plan_on(midnight)

    def _plan_on(self, midnight: float) -> None:
        self._plan(midnight)
        self._board.schedule(midnight + DAY_S, partial(self._plan_on, midnight + DAY_S))

    def _plan(self, midnight: float) -> None:
        for index, user_id in enumerate(list(self._board.users)):
            for change in self._working_day(index):
                at = max(midnight + change.hour * 3600, self._board.now)
                self._board.schedule(at, partial(self._change, user_id, change))

    def _change(self, user_id: int, change: _Change) -> None:
        user = self._board.users.get(user_id)
        if user is None:
            return
        if change.state == "offline":
            user.forced_unavailable = False
        elif user.forced_unavailable:
            return
        self._board.set_availability(user_id, change.state, substatus=change.substatus)
        if change.state == "available":
            self._on_free(user)

    def _working_day(self, index: int) -> Iterator[_Change]:
        random = self._random
        begin, end = self._shift(index)
        begin, end = begin + random.uniform(0, 0.6), end + random.uniform(-0.2, 0.3)
        lunch = begin + 0.45 * (end - begin) + random.uniform(-0.4, 0.6)
        hour, eaten = begin, False
        yield _Change(hour, "available")
        while (pause := hour + 0.15 + random.expovariate(0.9)) < end - 0.3:
            if pause >= lunch and not eaten:
                substatus, minutes, eaten = "out_for_lunch", 40, True
            else:
                substatus, minutes = random.choice(_PAUSES)
            yield _Change(pause, "do_not_disturb", substatus)
            hour = pause + minutes / 60 * random.uniform(0.7, 1.4)
            yield _Change(hour, "available")
        yield _Change(max(hour, end), "offline")

    @staticmethod
    def _shift(index: int) -> tuple[float, float]:
        if index % 24 == 17:
            return 21.5, 30.0
        return (13.0, 21.5) if index % 12 == 7 else (8.0, 17.0)
