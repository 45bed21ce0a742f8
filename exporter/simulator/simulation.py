"""Combine the parts of the simulated account."""

from exporter.simulator.call_edits import CallEdits
from exporter.simulator.company import add_ai_agent, populate
from exporter.simulator.repeat_callers import RepeatCallers
from exporter.simulator.traffic import Traffic


class SimulatedAccount(CallEdits):
    """A company's account at Aircall, from `start - history` (UNIX seconds) on.

    At `start` it is mid-morning at the company, and `history` seconds have been simulated. The company has
    `users` users. They make and receive about `calls_per_hour` calls in total during the day. If that is 0,
    all users are available, and only the methods of the switchboard change the account. The same arguments
    lead to the same calls, in any steps in which the account is advanced.

    `smartflows` and `ai_answers` are the settings of `Directory`. With `ai_agent`, an AI voice agent talks
    first to the callers of the number with the fewest calls. With `repeat_callers`, missed callers call
    again, and users call them back. The other calls are the same with any of these settings.
    """

    talk_scale = 1.0
    """Factor for the usual length of calls."""

    def __init__(  # noqa: PLR0913
        self,
        users: int = 24,
        calls_per_hour: float = 180.0,
        seed: int = 1,
        start: float = 1_780_000_000,
        history: float = 8 * 3600,
        *,
        smartflows: bool = True,
        ai_answers: bool = False,
        ai_agent: bool = False,
        repeat_callers: bool = False,
    ) -> None:
        super().__init__(begin=start - history)
        self.smartflows, self.ai_answers = smartflows, ai_answers
        populate(self, users, seed)
        if ai_agent:
            add_ai_agent(self)
        self._traffic: Traffic | None = None
        if calls_per_hour > 0:
            repeats = RepeatCallers(self.calls, seed) if repeat_callers else None
            self._traffic = Traffic(self, calls_per_hour, seed, start, self.talk_scale, repeats)
            self._traffic.begin()
        self.advance(start)

    def stop_traffic(self) -> None:
        """Start no more calls; calls in progress continue."""
        with self.lock:
            if self._traffic is not None:
                self._traffic.end()
