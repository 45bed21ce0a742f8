"""Generate the random calls of a company."""

from itertools import accumulate
from random import Random

from exporter.simulator.call_distribution import CallDistribution
from exporter.simulator.call_edits import CallEdits
from exporter.simulator.load_profile import PEAK_LOAD_FACTOR, CompanyClock
from exporter.simulator.names import COUNTRIES
from exporter.simulator.opening_hours import OpeningHours
from exporter.simulator.repeat_callers import RepeatCallers
from exporter.simulator.shifts import Shifts

ANONYMOUS_SHARE = 0.05
"""The share of inbound callers who are anonymous."""

INBOUND_SHARE = 0.64


class Traffic:
    """Callers who call the company's numbers, and users who work their shifts and call customers.

    At `mid_morning` (UNIX seconds) it is mid-morning at the company. `calls_per_hour` is the average of an
    ordinary working hour. `talk_scale` is the factor for the usual length of conversations.
    With `repeats`, missed callers call again, and users call them back.
    """

    def __init__(  # noqa: PLR0913, PLR0917
        self,
        board: CallEdits,
        calls_per_hour: float,
        seed: int,
        mid_morning: float,
        talk_scale: float = 1.0,
        repeats: RepeatCallers | None = None,
    ) -> None:
        self._board = board
        self._random = Random(f"everyday {seed}")  # noqa: S311 a simulation
        self._clock = CompanyClock(mid_morning)
        self._openings = OpeningHours(board, self._clock)
        self._distribution = CallDistribution(board, self._random)
        self._distribution.handling.talk_scale = talk_scale
        self._repeats = repeats
        self._ended = False
        self._shifts = Shifts(board, self._random, self._clock, on_free=self._distribution.serve)
        board.on_free = self._distribution.serve
        self._calls_per_second = calls_per_hour / 3600
        self._staff = list(board.users)
        self._numbers = list(board.numbers.values())
        callers = (len(number.user_ids) * number.popularity for number in self._numbers)
        self._popularity = list(accumulate(callers))

    def begin(self) -> None:
        """Schedule the first calls; the switchboard's timeline runs everything else."""
        if self._staff:
            self._openings.begin()
            self._shifts.begin()
            self._next_call()

    def end(self) -> None:
        """Start no more calls; calls in progress continue."""
        self._ended = True

    def _next_call(self) -> None:
        wait = self._random.expovariate(self._calls_per_second * PEAK_LOAD_FACTOR)
        self._board.schedule(self._board.now + wait, self._maybe_call)

    def _maybe_call(self) -> None:
        """Start a call, or none if the current load is below the peak, for which attempts are scheduled."""
        if self._ended:
            return
        if self._random.random() * PEAK_LOAD_FACTOR < self._clock.load_factor(self._board.now):
            if self._random.random() < INBOUND_SHARE:
                self._call_in()
            else:
                self._call_out()
        self._next_call()

    def _call_in(self) -> None:
        if self._random.random() < 0.01:
            self._distribution.start_inbound_call(None, self._customer("FR"))
            return
        number = self._random.choices(self._numbers, cum_weights=self._popularity)[0]
        if self._random.random() < ANONYMOUS_SHARE:
            self._distribution.start_inbound_call(number, "anonymous")
            return
        caller = self._customer(number.country)
        self._distribution.start_inbound_call(
            number, self._repeats.caller(caller) if self._repeats else caller
        )

    def _call_out(self) -> None:
        free = [id_ for id_ in self._random.choices(self._staff, k=6) if self._board.is_available(id_)]
        numbers = self._board.numbers_of(free[0]) if free else []
        if numbers:
            number = self._random.choice(numbers)
            number_id = None if self._random.random() < 0.01 else number.id
            callee = self._customer(number.country)
            self._distribution.handling.dial(
                free[0], number_id, self._repeats.callee(callee) if self._repeats else callee
            )

    def _customer(self, country: str) -> str:
        digits = self._random.randrange(10_000)
        return f"{COUNTRIES[country].customer} {digits // 100:02} {digits % 100:02}"
