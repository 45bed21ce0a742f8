"""Split a time range into intervals that are aligned to local time."""

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from typing import Literal

from exporter.account.day import DAY_S, day_start, zone_of
from exporter.config.settings import Today

Period = Literal["day", "week", "month"]
Step = int | Literal["day"] | None
"""The length of an interval: seconds that divide a day, a day, or None for the whole range."""


def local_time(at: int, zone: tzinfo | None) -> datetime:
    """Return UNIX seconds as a local time with its offset."""
    return datetime.fromtimestamp(at, UTC).astimezone(zone)


def starts_of(since: int, until: int, step: Step, today: Today) -> list[int]:
    """Return the starts of the intervals from `since` to before `until` (UNIX seconds).

    The first one begins at `since`. A day begins at `today.starts_at`. Shorter intervals begin whenever the
    local clock shows a multiple of their length. If the clock skips a multiple, an interval begins at that
    moment; if it repeats one, an interval begins at both. So days with 23 and 25 hours have fewer and more
    intervals of an hour or less.
    """
    starts, start, zone = [], since, zone_of(today)
    while start < until:
        starts.append(start)
        match step:
            case None:
                start = until
            case "day":
                start = day_after(start, today)
            case _:
                start = _next_multiple(start, step, zone)
    return starts


def day_after(at: int, today: Today) -> int:
    """Return when the day after that of `at` begins (UNIX seconds)."""
    return day_start(day_start(at, today) + 1.5 * DAY_S, today)


def last_complete(period: Period, now: float, today: Today) -> tuple[int, int]:
    """Return when the last complete day, week (from Monday) or month began and ended (UNIX seconds)."""
    until = _begin(period, day_start(now, today), today)
    return _begin(period, day_start(until - 1, today), today), until


def _begin(period: Period, day: int, today: Today) -> int:
    """Return when the period began that contains the day which began at `day`."""
    zone = zone_of(today)
    while not _is_first(period, local_time(day, zone)):
        day = day_start(day - 1, today)
    return day


def _is_first(period: Period, day: datetime) -> bool:
    if period == "week":
        return day.weekday() == 0
    return period == "day" or day.day == 1


def _next_multiple(at: int, seconds: int, zone: tzinfo | None) -> int:
    """Return the next time after `at` at which the local clock shows or skips a multiple of `seconds`."""
    offset = _offset(at, zone)
    following = at + seconds - (at + offset) % seconds
    if _offset(following, zone) == offset:
        return following
    changed = _change(at, following, zone)
    shown, slot = changed + _offset(changed, zone), (changed - 1 + offset) // seconds
    if shown % seconds == 0 or shown // seconds != slot:
        return changed
    return _next_multiple(changed, seconds, zone)


def _change(before: int, after: int, zone: tzinfo | None) -> int:
    """Return the first second between two times at which the clock has another offset than before."""
    offset = _offset(before, zone)
    while after - before > 1:
        middle = (before + after) // 2
        before, after = (middle, after) if _offset(middle, zone) == offset else (before, middle)
    return after


def _offset(at: int, zone: tzinfo | None) -> int:
    """Return the seconds by which local time is ahead of UTC."""
    offset = local_time(at, zone).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


def lengths(seconds: int) -> Iterator[str]:
    """Yield usual lengths of intervals that are longer than `seconds`, the shortest first."""
    for text, length in (("15m", 900), ("30m", 1800), ("1h", 3600), ("2h", 7200), ("4h", 14_400)):
        if length > seconds:
            yield text
    if seconds < DAY_S:
        yield "day"
