"""Define the journey of a call: its steps in order, and how long each lasted.

A step is known from an event or a call timeline (table `call_steps`), or from the call itself. A step of the
name `unknown` says which part of the journey nothing reports.
"""

from exporter.archive.view_expressions import name_of, seconds

GROUP_RING_S = 2
"""Seconds by which the rings on several users may differ if Aircall rings them together.

A ring on another user that is later than that ends the ring."""

_ENDS = {
    "ringing": (
        "later.name IN ('answered', 'transferred')"
        " OR later.user_id = step.user_id AND later.name = 'declined'"
        " OR later.name = 'ringing' AND later.at > step.at"
        f" AND (later.user_id = step.user_id OR later.at > step.at + {GROUP_RING_S})"
    ),
    "answered": "later.name IN ('transferred', 'transferred_outside')",
    "transferred": "later.name IN ('transferred', 'transferred_outside') AND later.at > step.at",
    "held": "later.name IN ('resumed', 'transferred', 'transferred_outside')",
    "ai_agent": "later.name = 'ai_agent_left'",
    "wrap_up": "later.name = 'wrapped_up' AND later.user_id = step.user_id",
}
"""The steps that last, and which later step ends each. The end of the call ends all but the last."""

_ORDER = (
    "started", "ai_agent", "menu", "ai_agent_escalated", "ai_agent_left", "left_menu", "ringing", "declined",
    "unknown", "answered", "held", "resumed", "transfer_failed", "transferred", "transferred_outside",
    "ended", "voicemail", "wrap_up", "wrapped_up", "assigned", "tagged", "untagged", "commented", "archived",
)  # fmt: skip
"""All steps, in their order within a second."""


def _has(condition: str) -> str:
    """Return the condition that a call has a step for which this is true."""
    return f"EXISTS (SELECT 1 FROM call_steps AS known WHERE known.call_id = calls.id AND known.{condition})"


def _until(name: str, rule: str) -> str:
    """Return when a step of this name ended, or NULL."""
    ends = [
        "SELECT later.at FROM call_steps AS later"
        f" WHERE later.call_id = step.call_id AND later.at >= step.at AND ({rule})"
    ]
    if name == "ringing":
        ends.append("SELECT calls.answered_at AS at WHERE calls.answered_at >= step.at")
    if name != "wrap_up":
        ends.append("SELECT calls.ended_at AS at")
    return f"(SELECT min(at) FROM ({' UNION ALL '.join(ends)}) AS ends)"


_LASTED = " ".join(
    f"WHEN '{name}' THEN {seconds('step.at', _until(name, rule))}" for name, rule in _ENDS.items()
)
_RANKS = " ".join(f"WHEN '{name}' THEN {rank}" for rank, name in enumerate(_ORDER))

_HAS_EVENTS = _has("source = 'event'")
_HAS_RUNG = _has("name = 'ringing'")
_WAS_ANSWERED = _has("name = 'answered'")
_WAS_TRANSFERRED = _has("name = 'transferred'")
_LEFT_MENU = _has("name IN ('menu', 'ai_agent_left')")
_LEFT_VOICEMAIL = _has("name = 'voicemail'")
_MUST_HAVE_RUNG = (
    "ended_at IS NOT NULL AND direction = 'inbound'"
    " AND (outcome = 'answered' OR missed_call_reason = 'agents_did_not_answer')"
)


def _of_call(at: str, name: str, condition: str, user: str = "NULL", detail: str = "''") -> str:
    """Return a query for a step that is known from the call itself."""
    return (
        f"SELECT calls.id AS call_id, {at} AS at, '{name}' AS name, CAST({user} AS BIGINT) AS user_id,"
        f" {detail} AS detail, 'call' AS source FROM calls WHERE {condition}"
    )


_STEPS = " UNION ALL ".join(
    (
        "SELECT call_id, at, name, nullif(user_id, 0) AS user_id, detail, source FROM call_steps",
        _of_call("started_at", "started", "TRUE", "CASE WHEN direction = 'outbound' THEN user_id END"),
        _of_call("left_menu_at", "left_menu", f"left_menu_at IS NOT NULL AND NOT {_LEFT_MENU}"),
        _of_call(
            "answered_at",
            "answered",
            f"answered_at IS NOT NULL AND NOT {_WAS_ANSWERED}",
            f"CASE WHEN NOT {_WAS_TRANSFERRED} THEN user_id END",
        ),
        _of_call(
            "ended_at", "ended", "ended_at IS NOT NULL", detail="coalesce(missed_call_reason, outcome, '')"
        ),
        _of_call("ended_at", "voicemail", f"voicemail AND ended_at IS NOT NULL AND NOT {_LEFT_VOICEMAIL}"),
        _of_call(
            "started_at",
            "unknown",
            f"NOT {_HAS_EVENTS}",
            detail="CASE direction WHEN 'inbound' THEN 'ringing, ' ELSE '' END || 'holds and transfers'",
        ),
        _of_call(
            "coalesce(answered_at, ended_at)",
            "unknown",
            f"{_MUST_HAVE_RUNG} AND {_HAS_EVENTS} AND NOT {_HAS_RUNG}",
            detail="'ringing'",
        ),
    )
)

JOURNEY = f"""
SELECT step.call_id, step.at, {seconds("calls.started_at", "step.at")} AS after,
  CASE step.name {_RANKS} END AS position, step.name, step.user_id,
  {name_of("user", "step.user_id")} AS user_name, step.detail, step.source,
  CASE step.name {_LASTED} END AS seconds
FROM ({_STEPS}) AS step LEFT JOIN calls ON calls.id = step.call_id"""
