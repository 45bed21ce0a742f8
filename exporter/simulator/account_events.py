"""Define the events of calls, AI agents, users and numbers that listeners receive."""

from collections.abc import Callable
from dataclasses import dataclass

from exporter.simulator.models import AiAgentSession, SimulatedCall, SimulatedNumber, SimulatedUser


@dataclass(frozen=True, slots=True)
class AccountEvent:
    """An event, named as in Aircall, of a call, a user or a number at `at` (UNIX seconds).

    If a call rings on a user, or a user declines it, the event has both. The event of an AI agent has the
    call and the session.
    """

    event: str
    at: float
    call: SimulatedCall | None = None
    user: SimulatedUser | None = None
    number: SimulatedNumber | None = None
    ai_agent: AiAgentSession | None = None


Listener = Callable[[AccountEvent], object]
