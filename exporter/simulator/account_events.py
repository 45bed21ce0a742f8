"""What happens on the phones, told to whoever listens."""

from collections.abc import Callable
from dataclasses import dataclass

from exporter.simulator.calls import SimulatedCall
from exporter.simulator.directory import SimulatedUser


@dataclass(frozen=True, slots=True)
class AccountEvent:
    """Something that happened to a call or a user at `at` (UNIX seconds), in Aircall's word for the event.

    Of a call that rings on somebody, or that somebody declined, both.
    """

    event: str
    at: float
    call: SimulatedCall | None = None
    user: SimulatedUser | None = None


Listener = Callable[[AccountEvent], object]
