"""Read the headers of responses: the company's rate limit, and Aircall's time."""

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from exporter.aircall.times import unix_time


@dataclass(frozen=True)
class Headers:
    """The headers that are used. Each is None if it is missing or invalid.

    `limit` and `remaining` are requests per minute of the whole company. `reset` and `date` are UNIX seconds
    on Aircall's clock. `retry_after` is in seconds (API reference, "Rate Limiting").
    """

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None
    retry_after: float | None = None
    date: float | None = None


def read_headers(headers: Mapping[str, str]) -> Headers:
    """Read the headers of a response. Invalid values are ignored."""
    limit = _number(headers.get("X-AircallApi-Limit"))
    remaining = _number(headers.get("X-AircallApi-Remaining"))
    reset = _number(headers.get("X-AircallApi-Reset"))
    if reset is not None and reset > 10**11:  # the unit is not documented, and existing clients assume either
        reset /= 1000
    return Headers(
        limit=int(limit) if limit and limit >= 1 else None,
        remaining=None if remaining is None else int(remaining),
        reset=reset,
        retry_after=_number(headers.get("Retry-After")),
        date=_date(headers.get("Date")),
    )


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < 10**15 else None


def _date(text: str | None) -> float | None:
    try:
        return unix_time(parsedate_to_datetime(text or ""))
    except (ValueError, TypeError, OverflowError):
        return None
