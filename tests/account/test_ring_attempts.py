"""Tests of the rules by which rings are answered, declined or missed."""

import pytest
from msgspec import structs

from exporter.account.call_events import call_event, during
from exporter.account.ring_attempts import attempts
from exporter.aircall.events import Event
from exporter.aircall.models import Call, Ref

START = 1_780_000_000
RINGING = Call(7, "inbound", "initial", START, number=Ref(1))
MISSED = structs.replace(RINGING, status="done", ended_at=START + 60, missed_call_reason="no_available_agent")
ANSWERED = structs.replace(RINGING, status="done", answered_at=START + 30, ended_at=START + 90, user=Ref(1))

RING, DECLINE, ANSWER = "call.ringing_on_agent", "call.agent_declined", "call.answered"
HOLD, TRANSFER, END = "call.hold", "call.transferred", "call.ended"

Reported = tuple[str, int, int]
"""An event, its second of the call, and its user."""


def counted(call: Call, *reported: Reported) -> dict[tuple[str, str], int]:
    """Return the attempts by user and result."""
    events = []
    for name, second, user in reported:
        version = structs.replace(RINGING if name in (RING, DECLINE) else ANSWERED, user=Ref(user))
        events.append(call_event(Event(name, START + second), version))
    return {(user, result): count for user, result, count in attempts(call, during(call, events))}


@pytest.mark.parametrize(
    ("call", "events", "expected"),
    [
        pytest.param(MISSED, [(RING, 5, 1)], {("1", "missed"): 1}, id="missed"),
        pytest.param(MISSED, [(RING, 5, 1), (DECLINE, 9, 1)], {("1", "declined"): 1}, id="declined"),
        pytest.param(
            MISSED,
            [(RING, 5, 1), (RING, 25, 1), (DECLINE, 30, 1)],
            {("1", "declined"): 1, ("1", "missed"): 1},
            id="rang twice",
        ),
        pytest.param(
            ANSWERED,
            [(RING, 5, 2), (RING, 25, 1), (ANSWER, 30, 1)],
            {("1", "answered"): 1, ("2", "missed"): 1},
            id="answered by the next user",
        ),
        pytest.param(
            ANSWERED,
            [(RING, 5, 1), (RING, 5, 2), (DECLINE, 15, 1), (RING, 25, 1), (ANSWER, 30, 1)],
            {("1", "answered"): 1, ("1", "declined"): 1, ("2", "missed"): 1},
            id="declined and answered in the next round",
        ),
        pytest.param(ANSWERED, [(RING, 25, 1)], {("1", "answered"): 1}, id="without an event of the answer"),
        pytest.param(
            structs.replace(ANSWERED, user=Ref(2)),
            [(RING, 25, 1), (HOLD, 40, 1), (TRANSFER, 50, 2)],
            {("1", "answered"): 1},
            id="answer known from a later event",
        ),
        pytest.param(
            structs.replace(ANSWERED, user=Ref(2)),
            [(RING, 5, 2), (RING, 25, 1), (ANSWER, 30, 1), (TRANSFER, 50, 1), (END, 90, 2)],
            {("1", "answered"): 1, ("2", "missed"): 1},
            id="missed and received by a transfer later",
        ),
        pytest.param(
            structs.replace(ANSWERED, user=Ref(2)),
            [(RING, 25, 1), (ANSWER, 30, 1), (RING, 40, 3), (RING, 45, 2), (TRANSFER, 50, 2)],
            {("1", "answered"): 1, ("2", "answered"): 1, ("3", "missed"): 1},
            id="rang for a transfer",
        ),
        pytest.param(MISSED, [(DECLINE, 9, 1)], {("1", "declined"): 1}, id="declined, ring lost"),
        pytest.param(MISSED, [(RING, -3600, 1)], {}, id="ring long before the call"),
        pytest.param(
            ANSWERED,
            [(RING, 5, 1), (RING, 5, 2), (ANSWER, 30, 1), (ANSWER, -START, 2)],
            {("1", "answered"): 1, ("2", "missed"): 1},
            id="answer of 1970",
        ),
        pytest.param(
            structs.replace(ANSWERED, user=Ref(2)),
            [(RING, 5, 1), (RING, 25, 2), (TRANSFER, 50, 2), (HOLD, -3600, 1)],
            {("1", "missed"): 1, ("2", "answered"): 1},
            id="conversation long before the call",
        ),
        pytest.param(
            ANSWERED,
            [(RING, 25, 1), (ANSWER, 30, 1), (RING, 40, 2), (HOLD, 200 * 86_400, 2)],
            {("1", "answered"): 1, ("2", "missed"): 1},
            id="conversation long after the call",
        ),
        pytest.param(ANSWERED, [(ANSWER, 30, 1)], {}, id="no ring reported"),
        pytest.param(structs.replace(MISSED, direction="outbound"), [(RING, 5, 1)], {}, id="outbound"),
    ],
)
def test_attempts_of_a_call_have_the_result_of_each_ring(
    call: Call, events: list[Reported], expected: dict[tuple[str, str], int]
) -> None:
    assert counted(call, *events) == expected


def test_attempts_event_without_a_user_is_ignored() -> None:
    assert not list(attempts(MISSED, [call_event(Event(RING, START + 5), RINGING)]))
