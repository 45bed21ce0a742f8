"""Random calls, with the events that report their changes."""

from dataclasses import dataclass

from hypothesis import strategies as st
from msgspec import structs

from exporter.account.event_processor import EventProcessor
from exporter.aircall.events import Event
from exporter.aircall.models import Call, CallDetails, CallWithDetails, Ref
from exporter.config.settings import Webhook
from tests.support.account_changes import KNOWN, START, Counting

END = START + 700
"""A time after the last change of all calls, in UNIX seconds. Events are applied from then on."""


@dataclass(frozen=True)
class Moment:
    """An event, and the call after it."""

    at: int
    name: str
    call: Call

    @property
    def event(self) -> Event:
        return Event(self.name, self.at, call=CallWithDetails(self.call, CallDetails()))


@st.composite
def journeys(draw: st.DrawFn, call_id: int) -> list[Moment]:
    """Draw a call's events from its beginning to its end or its present phase."""
    users, later = st.sampled_from([1, 2, 3]), st.integers(0, 30)
    at = START + draw(st.integers(-600, 100))
    call = Call(
        call_id, draw(st.sampled_from(["inbound", "outbound"])), "initial", at, number=Ref(draw(users))
    )
    moments: list[Moment] = []

    def then(name: str, **changes: object) -> None:
        nonlocal call, at
        at += draw(later)
        call = structs.replace(call, **changes)
        moments.append(Moment(at, name, call))

    if call.direction == "outbound":
        call = structs.replace(call, user=Ref(draw(users)))
    then("call.created")
    for name in draw(st.lists(st.sampled_from(["call.ringing_on_agent", "call.agent_declined"]), max_size=3)):
        then(name, **({"user": Ref(draw(users))} if call.direction == "inbound" else {}))
    if call.direction == "inbound":
        call = structs.replace(call, user=None)
    if draw(st.booleans()):
        at += 1
        then("call.answered", status="answered", answered_at=at, user=call.user or Ref(draw(users)))
        for name in draw(st.lists(st.sampled_from(["call.hold", "call.transferred"]), max_size=2)):
            at += 1
            then(name, **({"user": Ref(draw(users))} if name == "call.transferred" else {}))
            if name == "call.hold":
                then("call.unhold")
    if draw(st.booleans()):
        at += 1
        missed = call.direction == "inbound" and call.answered_at is None
        reason = draw(st.sampled_from(["no_available_agent", "agents_did_not_answer"])) if missed else None
        then("call.hungup", status="done", ended_at=at, missed_call_reason=reason)
        then("call.ended")
        then("call.tagged")
    return moments


def company() -> tuple[Counting, EventProcessor]:
    """Return an account that receives events."""
    account = Counting()
    account.configure(structs.replace(account.settings, webhook=Webhook(token="a token")))
    for event in KNOWN:
        event(account)
    account.advance_to(START - 600)  # no event is too late
    return account, EventProcessor(account)
