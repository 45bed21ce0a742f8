"""Combine the parts of the simulated account."""

from exporter.simulator.company import populate
from exporter.simulator.switchboard import Switchboard
from exporter.simulator.traffic import Life


class SimulatedAccount(Switchboard):
    """A company's account at Aircall, from `start - history` (UNIX seconds) on.

    It is mid-morning at the company at `start`, and by then `history` seconds of its life have passed.
    `users` people work there, who make and get about `calls_per_hour` calls together while it is day;
    with 0 nobody does anything of their own accord, everyone is available, and all that happens is what
    the switchboard's methods are told. The same arguments give the same calls, in whatever steps the
    account is advanced.
    """

    talk_scale = 1.0
    """Factor for the usual length of calls."""

    def __init__(
        self,
        users: int = 24,
        calls_per_hour: float = 180.0,
        seed: int = 1,
        start: float = 1_780_000_000,
        history: float = 8 * 3600,
    ) -> None:
        super().__init__(begin=start - history)
        populate(self, users, seed)
        self._life: Life | None = None
        if calls_per_hour > 0:
            self._life = Life(self, calls_per_hour, seed, start, self.talk_scale)
            self._life.begin()
        self.advance(start)

    def quieten(self) -> None:
        """Start no more calls; calls in progress continue."""
        with self.lock:
            if self._life is not None:
                self._life.end()
