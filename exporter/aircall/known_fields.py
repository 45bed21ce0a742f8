"""Find fields that Aircall's API reference did not have when this version was written."""

from collections.abc import Mapping

import msgspec

from exporter.aircall.decoding import decode_list, decode_objects

_COMMON = ("id", "direct_link", "name", "created_at", "updated_at")

KNOWN_FIELDS: Mapping[str, frozenset[str]] = {
    "users": frozenset(
        (
            *_COMMON,
            "availability",
            "availability_status",
            "available",
            "default_number_id",
            "email",
            "extension",
            "language",
            "numbers",
            "role_ids",
            "roles",
            "state",
            "substatus",
            "time_zone",
            "wrap_up_time",
        )
    ),
    "teams": frozenset((*_COMMON, "users")),
    "numbers": frozenset(
        (
            *_COMMON,
            "availability_status",
            "country",
            "digits",
            "e164_digits",
            "is_ivr",
            "live_recording_activated",
            "messages",
            "open",
            "priority",
            "time_zone",
            "users",
        )
    ),
    "calls": frozenset(
        (
            *_COMMON,
            "ai_voice_agents",
            "answered_at",
            "archived",
            "asset",
            "assigned_to",
            "call_uuid",
            "comments",
            "contact",
            "cost",
            "country_code_a2",
            "direction",
            "duration",
            "ended_at",
            "external_caller_number",
            "external_transferred_to",
            "hangup_cause",
            "ivr_options_selected",
            "missed_call_reason",
            "number",
            "participants",
            "pricing_type",
            "raw_digits",
            "recording",
            "recording_short_url",
            "sid",
            "started_at",
            "status",
            "tags",
            "teams",
            "transferred_by",
            "transferred_from",
            "transferred_to",
            "user",
            "voicemail",
            "voicemail_short_url",
        )
    ),
    "webhooks": frozenset((*_COMMON, "active", "custom_name", "events", "token", "url", "webhook_id")),
}
"""By list: the fields of its objects, whether the exporter uses them or not (API reference)."""


def unknown_fields(body: bytes, key: str) -> frozenset[str]:
    """Return the fields of the objects in the list `key` that are not known. Raises InvalidResponseError."""
    objects, _ = decode_objects(decode_list(body, key).raws, dict[str, msgspec.Raw])
    return frozenset(name for each in objects for name in each) - KNOWN_FIELDS[key]
