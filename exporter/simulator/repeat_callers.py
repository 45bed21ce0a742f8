"""Let missed callers call again, and let users call them back."""

from random import Random

from exporter.simulator.call_history import CallHistory

CALLS = 400
"""The latest calls, among which missed callers are searched."""

CALLED_BACK, CALLED_AGAIN = 0.7, 0.15
"""The shares of outbound calls to missed callers, and of inbound calls from them."""


class RepeatCallers:
    """Chooses callers. It has a random sequence of its own, so the other calls stay the same."""

    def __init__(self, calls: CallHistory, seed: int) -> None:
        self._calls = calls
        self._random = Random(f"repeat {seed}")  # noqa: S311 a simulation

    def caller(self, other: str) -> str:
        """Return the caller of an inbound call: `other`, or sometimes one who was missed."""
        return self._missed_or(other, CALLED_AGAIN)

    def callee(self, other: str) -> str:
        """Return whom a user calls: `other`, or often a caller who was missed."""
        return self._missed_or(other, CALLED_BACK)

    def _missed_or(self, other: str, share: float) -> str:
        if self._random.random() >= share:
            return other
        missed, reached = dict[str, None](), set[str]()
        for call in self._calls.chronological[: -CALLS - 1 : -1]:
            caller = call.raw_digits
            if call.answered_at is not None:
                reached.add(caller)
            elif call.missed_call_reason is not None and caller != "anonymous" and caller not in reached:
                missed[caller] = None
        return self._random.choice(list(missed)) if missed else other
