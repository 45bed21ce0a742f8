"""Read times from Aircall, and compute durations. Times are UNIX seconds, UTC (API reference, "Calls")."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec

Timestamp = Annotated[int, msgspec.Meta(ge=0, lt=10**11)]

MAX_DURATION_S = 86_400
"""Maximum seconds that a call adds to a sum. Aircall ends some calls only days later."""


def unix_time(time: datetime) -> float:
    """Return a time from Aircall in UNIX seconds. It is UTC if it has no zone."""
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def read_time(value: object) -> int | None:
    """Return a time that is ISO 8601 text or UNIX seconds in UNIX seconds, or None if it is invalid."""
    try:
        if isinstance(value, str):
            return int(unix_time(datetime.fromisoformat(value)))
        return msgspec.convert(value, Timestamp)
    except (ValueError, OverflowError):
        return None


def capped_duration(seconds: float) -> int:
    """Return whole seconds from 0 to `MAX_DURATION_S`."""
    return min(max(0, int(seconds)), MAX_DURATION_S)


def seconds_between(since: int | None, until: int | None) -> int:
    """Return the seconds between two times of a call, capped; 0 if one is missing."""
    return 0 if since is None or until is None else capped_duration(until - since)
