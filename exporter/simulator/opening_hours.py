"""Open and close the numbers of the simulated account by their opening hours."""

from functools import partial

from exporter.simulator.load_profile import DAY_S, CompanyClock
from exporter.simulator.models import SimulatedNumber
from exporter.simulator.number_edits import NumberEdits


class OpeningHours:
    """Opens and closes numbers, day after day. `clock` has the company's time of day."""

    def __init__(self, board: NumberEdits, clock: CompanyClock) -> None:
        self._board, self._clock = board, clock

    def begin(self) -> None:
        """Set whether each number is open now, and schedule later changes."""
        midnight = self._clock.midnight(self._board.now)
        for number in self._board.numbers.values():
            if number.opening is not None:
                number.is_open = self._clock.is_open(number.opening, self._board.now)
                self._plan_on(number, number.opening, midnight)

    def _plan_on(self, number: SimulatedNumber, opening: tuple[float, float], midnight: float) -> None:
        for hour, change in zip(opening, (self._open, self._close), strict=True):
            at = midnight + hour * 3600
            if at > self._board.now:
                self._board.schedule(at, partial(change, number.id))
        tomorrow = midnight + DAY_S
        self._board.schedule(tomorrow, partial(self._plan_on, number, opening, tomorrow))

    def _open(self, number_id: int) -> None:
        if number_id in self._board.numbers:
            self._board.open_number(number_id, by_hours=True)

    def _close(self, number_id: int) -> None:
        if number_id in self._board.numbers:
            self._board.close_number(number_id, by_hours=True)
