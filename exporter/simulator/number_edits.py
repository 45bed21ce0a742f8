"""Change the numbers of the simulated account."""

from exporter.simulator.models import SimulatedNumber
from exporter.simulator.switchboard import Switchboard


class NumberEdits(Switchboard):
    """The changes that administrators and opening hours make to numbers."""

    def add_number(self, name: str, digits: str, country: str, time_zone: str) -> SimulatedNumber:
        """Add a number, as `Directory.add_number` does, and send the event."""
        with self._moment(None) as moment:
            number = super().add_number(name, digits, country, time_zone)
            self._notify_of_number("number.created", number, moment)
            return number

    def remove_number(self, number_id: int) -> None:
        """Delete a number, and send the event. Its calls stay."""
        with self._moment(None) as moment:
            self._notify_of_number("number.deleted", self.numbers.pop(number_id), moment)

    def open_number(self, number_id: int, at: float | None = None, *, by_hours: bool = False) -> None:
        """Open a number, whatever its opening hours are, or as they say if `by_hours`."""
        self._set_open(number_id, at, is_open=True, by_hours=by_hours)

    def close_number(self, number_id: int, at: float | None = None, *, by_hours: bool = False) -> None:
        """Close a number, whatever its opening hours are, or as they say if `by_hours`."""
        self._set_open(number_id, at, is_open=False, by_hours=by_hours)

    def _set_open(self, number_id: int, at: float | None, *, is_open: bool, by_hours: bool) -> None:
        with self._moment(at) as moment:
            number = self.numbers[number_id]
            if by_hours and number.forced:
                return
            before, number.is_open, number.forced = number.is_open, is_open, not by_hours
            if is_open != before:
                self._notify_of_number("number.opened" if is_open else "number.closed", number, moment)
