"""Read the journey of a call from the archive."""

import msgspec
from sqlalchemy import BigInteger, Connection, Text, select, text

from exporter.archive.call_journey_view import JOURNEY
from exporter.archive.search import CallResult, call_by_id

_NUMBERS = dict.fromkeys(("call_id", "at", "after", "position", "user_id", "seconds"), BigInteger())
_TEXTS = dict.fromkeys(("name", "user_name", "detail", "source"), Text())
_steps = text(JOURNEY).columns(**_NUMBERS, **_TEXTS).subquery("call_journey")


class JourneyStep(msgspec.Struct, frozen=True):
    """A step of a call. Times are UNIX seconds, durations seconds."""

    at: int
    after: int
    """Seconds since the start of the call."""
    name: str
    user_id: int | None
    user: str
    detail: str
    """The option in a menu, how the call ended, or, for `unknown`, what nothing reports."""
    source: str
    """`event`, `timeline`, or `call` if it is known from the call itself."""
    seconds: int | None
    """How long it lasted: ringing, a conversation, a hold, an AI agent or wrapping up. Null if unknown."""


class Journey(msgspec.Struct, frozen=True):
    """A call and its steps, in order."""

    call: CallResult
    steps: tuple[JourneyStep, ...]


def journey(connection: Connection, call_id: int) -> Journey | None:
    """Return the journey of a call, or None if the archive does not have the call."""
    call = call_by_id(connection, call_id)
    if call is None:
        return None
    names = ("at", "after", "name", "user_id", "user_name", "detail", "source", "seconds")
    steps = select(*(_steps.c[name] for name in names)).where(_steps.c.call_id == call_id)
    found = connection.execute(steps.order_by(_steps.c.at, _steps.c.position, _steps.c.user_id))
    return Journey(call, tuple(JourneyStep(*row) for row in found))
