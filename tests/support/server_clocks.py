"""Aircall's clock and the machine's, of which either may be wrong."""

from math import floor

from exporter.aircall.server_clock import ServerClock

NOW = 1_780_000_000.0
MINUTE, DAY = 60.0, 86_400.0


class Setting:
    """A server clock, the true time, and clocks that can be wrong by a number of seconds."""

    def __init__(self, date: float = 0.0, machine: float = 0.0) -> None:
        self.now = NOW
        """The true time, on which the calls are dated."""
        self.date, self.machine = date, machine
        self._steady_error = machine
        self.clock = ServerClock(lambda: self.machine - self._steady_error)

    @property
    def steady(self) -> float:
        """The steady clock, which began with the time of the machine's clock."""
        return self.now + self._steady_error

    def receive(self, count: int = 1, pause: float = 5.0, call: bool = False) -> None:
        """Receive responses, each with a new call if `call`."""
        for _ in range(count):
            sent = self.steady
            self.now += 0.3
            self.clock.observe(floor(self.now - 0.1 + self.date), sent, self.steady)
            if call:
                self.clock.call_began(floor(self.now - 2), self.steady)
            self.now += pause

    @property
    def error(self) -> float:
        """By how many seconds the time of the server clock is wrong."""
        return self.steady + self.clock.ahead - self.now
