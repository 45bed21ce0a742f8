"""Compute when the days of `today` begin."""

from datetime import date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from exporter.config.settings import Today

DAY_S = 86_400
"""Seconds of a day on which the clocks do not change."""


def zone_of(today: Today) -> tzinfo | None:
    """Return the time zone of the days, or None for that of the system."""
    return ZoneInfo(today.time_zone) if today.time_zone else None


def day_start(now: float, today: Today) -> int:
    """Return when the day of `now` began (both UNIX seconds).

    The day begins at the same local time each day, so it has 23 or 25 hours if the clocks change. If they
    skip that time, the day begins an hour later; if they repeat it, at the first of the two.
    """
    zone = zone_of(today)
    starts_at = time.fromisoformat(today.starts_at)
    day = datetime.fromtimestamp(now, zone).date()
    # the day before is needed before `starts_at`, and another day if the clocks change around midnight
    begins = (_unix(datetime.combine(day - timedelta(days), starts_at), zone) for days in (-1, 0, 1, 2))
    return next(int(begin) for begin in begins if begin <= now)


def day_begin(day: date, today: Today) -> int:
    """Return when a day begins (UNIX seconds)."""
    return int(_unix(datetime.combine(day, time.fromisoformat(today.starts_at)), zone_of(today)))


def _unix(local: datetime, zone: tzinfo | None) -> float:
    """Return a local time as UNIX seconds. Without a zone, it is in the system's zone."""
    return (local.replace(tzinfo=zone) if zone else local.astimezone()).timestamp()
