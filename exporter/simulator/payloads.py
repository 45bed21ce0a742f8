"""Convert the account's objects to the JSON of Aircall's API."""

from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from exporter.simulator.models import (
    AiAgentSession,
    SimulatedCall,
    SimulatedNumber,
    SimulatedTeam,
    SimulatedUser,
)

Payload = dict[str, Any]

SUBSTATUSES = {
    "always_open": ("always_open", "always_opened"),
    "always_closed": ("always_closed", "always_closed"),
    "out_for_lunch": ("Out for lunch", "out_for_lunch"),
    "on_a_break": ("on_a_break", "On a break"),
    "in_training": ("In training", "in_training"),
    "back_office": ("doing_back_office", "Back office"),
    "other": ("Other", "other"),
}
"""How users and events spell each substatus: differently, like the real API. Any other text is unchanged."""

API = "https://api.aircall.io/v1"
ASSETS = "https://assets.example.com/calls"
_MESSAGES = {
    "welcome": "https://example.com/welcome.mp3",
    "waiting": "https://example.com/waiting_music.mp3",
    "ivr": "https://example.com/ivr_message.mp3",
    "voicemail": "https://example.com/voicemail.mp3",
    "closed": "https://example.com/closed_message.mp3",
    "callback_later": "https://example.com/callback_later.mp3",
    "unanswered_call": "https://example.com/unanswered_call.mp3",
    "after_hours": "https://example.com/closed_message.mp3",
    "ringing_tone": "https://example.com/waiting_music.mp3",
}


def user_payload(user: SimulatedUser) -> Payload:
    """Return a user as in v1 and in other objects. The v1 endpoint of a single user adds `numbers`."""
    return {
        "id": user.id,
        "direct_link": f"{API}/users/{user.id}",
        "name": user.name,
        "email": user.email,
        "available": user.presence == "available",
        "availability_status": user.availability_status,
        "created_at": user.created_at,
        "time_zone": user.time_zone,
        "language": user.language,
    }


def nested_user_payload(user: SimulatedUser) -> Payload:
    """Return a user as in teams and numbers, with fewer fields."""
    return {key: value for key, value in user_payload(user).items() if key != "language"}


def user_payload_v2(user: SimulatedUser) -> Payload:
    """Return a user as in v2."""
    spelled, _ = SUBSTATUSES.get(user.substatus, (user.substatus, ""))
    return user_payload(user) | {"substatus": spelled, "wrap_up_time": user.wrap_up_time}


def user_event_payload(user: SimulatedUser) -> Payload:
    """Return a user as in events."""
    _, spelled = SUBSTATUSES.get(user.substatus, ("", user.substatus))
    return user_payload_v2(user) | {"substatus": spelled}


def team_payload(team: SimulatedTeam, users: list[SimulatedUser]) -> Payload:
    """Return a team with its members."""
    return {
        "id": team.id,
        "name": team.name,
        "direct_link": f"{API}/teams/{team.id}",
        "created_at": team.created_at,
        "users": [nested_user_payload(user) for user in users],
    }


def number_payload(number: SimulatedNumber) -> Payload:
    """Return a number as in lists and calls. The endpoint of a single number adds `users`."""
    return {
        "id": number.id,
        "direct_link": f"{API}/numbers/{number.id}",
        "name": number.name,
        "digits": number.digits,
        "created_at": number.created_at,
        "country": number.country,
        "time_zone": number.time_zone,
        "open": number.is_open,
        "availability_status": number.availability_status,
        "is_ivr": number.is_ivr,
        "live_recording_activated": True,
        "priority": None,
        "messages": _MESSAGES,
    }


LINK_SECONDS = 3600
"""Time until a direct link to a recording or voicemail expires."""


def call_payload(call: SimulatedCall, teams: list[SimulatedTeam], now: float) -> Payload:
    """Return a call in its current phase.

    Args:
        call: The call.
        teams: The teams to which it was distributed.
        now: UNIX seconds; links expire relative to it.
    """
    asset = f"{ASSETS}/{call.id}" if call.recorded or call.voicemail else None
    expires = f"Expires={int(now) + LINK_SECONDS}"
    return {
        "id": call.id,
        "sid": _sid(call),
        "direct_link": f"{API}/calls/{call.id}",
        "direction": call.direction,
        "status": call.status,
        "missed_call_reason": call.missed_call_reason,
        "started_at": call.started_at,
        "answered_at": call.answered_at,
        "ended_at": call.ended_at,
        "duration": call.duration,
        "voicemail": f"{asset}/voicemail.mp3?{expires}" if call.voicemail else None,
        "recording": f"{asset}/recording.mp3?{expires}" if call.recorded else None,
        "asset": f"{asset}/play" if asset else None,
        "raw_digits": call.raw_digits,
        "user": _nested(call.user),
        "contact": None,
        "archived": call.archived,
        "assigned_to": _nested(call.assigned_to),
        "tags": [{"name": name, "created_at": _iso(at)} for name, at in call.tags],
        "transferred_by": _nested(call.transferred_by),
        "transferred_to": _nested(call.transferred_to),
        "external_transferred_to": call.external_transferred_to,
        "teams": [{"id": team.id, "name": team.name} for team in teams],
        "number": number_payload(call.number) if call.number else None,
        "cost": "0.0",
        "comments": [{"content": text, "posted_at": _iso(at)} for text, at in call.comments],
    }


def ivr_options_payload(call: SimulatedCall) -> list[Payload]:
    """Return what the caller chose in menus."""
    return [
        {
            "id": _uuid(f"option {index} of {call.id}"),
            "title": option.title,
            "key": option.key,
            "branch": option.branch,
            "created_at": _iso(option.ended_at),
            "transition_started_at": _iso(option.started_at),
            "transition_ended_at": _iso(option.ended_at),
        }
        for index, option in enumerate(call.ivr_options)
    ]


def ai_agent_payload(call: SimulatedCall, session: AiAgentSession) -> Payload:
    """Return a conversation with an AI agent, as in calls."""
    return {
        "id": call.id,
        "call_id": call.id,
        "call_uuid": _sid(call),
        "ai_voice_agent_id": _uuid(f"AI agent of {call.number_id}"),
        "ai_voice_agent_name": "Reception",
        "ai_voice_agent_session_id": _uuid(f"session {call.ai_agents.index(session)} of {call.id}"),
        "number_id": call.number_id,
        "started_at": session.started_at,
        "ended_at": session.ended_at,
        "created_at": session.started_at,
    }


def ai_agent_event_payload(call: SimulatedCall, session: AiAgentSession, event: str) -> Payload:
    """Return a conversation with an AI agent, as in the event of this name, with fewer times."""
    payload = ai_agent_payload(call, session)
    step = event.rpartition(".")[2]
    if step not in ("started", "ended"):
        del payload["started_at"]
    if step != "ended":
        del payload["ended_at"]
    return payload


def _sid(call: SimulatedCall) -> str:
    return f"CA{call.id:032x}"


def _uuid(name: str) -> str:
    """Return an id that is the same for the same name."""
    return str(uuid5(NAMESPACE_OID, name))


def _nested(user: SimulatedUser | None) -> Payload | None:
    return user_payload(user) if user else None


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
