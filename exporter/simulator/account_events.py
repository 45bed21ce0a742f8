"""Define the events of calls and users that listeners receive."""

from collections.abc import Callable
from dataclasses import dataclass

from exporter.simulator.models import SimulatedCall, SimulatedUser


@dataclass(frozen=True, slots=True)
class AccountEvent:
    """An event, named as in Aircall, of a call or a user at `at` (UNIX seconds).

    If a call rings on a user, or a user declines it, the event has both.
    """

    event: str
    at: float
    call: SimulatedCall | None = None
    user: SimulatedUser | None = None


Listener = Callable[[AccountEvent], object]
