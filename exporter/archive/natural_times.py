"""Understand times as people write them: yesterday, monday, last week, 14:00 or 23 Nov 2026."""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from dateutil.parser import ParserError, parse

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_DEFAULTS = datetime(2000, 1, 1), datetime(2001, 2, 2)  # noqa: DTZ001 (only dates)
"""Two days that differ in each part: a part that a text does not have differs in the results."""


class AmbiguousError(ValueError):
    """A text that may be several dates."""


def natural_dates(text: str, now: float, zone: tzinfo | None) -> tuple[date, date] | None:
    """Return the first and the last day that a text means, or None if it is no day.

    A day of the week is the last one, which may be today. Weeks begin on Monday.

    Args:
        text: Such as `today`, `yesterday`, `monday`, `last week`, `this month` or `23 Nov 2026`.
        now: The present time (UNIX seconds).
        zone: The time zone; None for local time.

    Raises:
        AmbiguousError: The text may be several dates, such as 03/04/2026.
    """
    words = " ".join(text.lower().split())
    today = datetime.fromtimestamp(now, UTC).astimezone(zone).date()
    monday, first = today - timedelta(today.weekday()), today.replace(day=1)
    last_of_month = first - timedelta(1)
    known = {
        "today": (today, today),
        "yesterday": (today - timedelta(1),) * 2,
        "this week": (monday, today),
        "last week": (monday - timedelta(7), monday - timedelta(1)),
        "this month": (first, today),
        "last month": (last_of_month.replace(day=1), last_of_month),
    }
    if words in known:
        begin, end = known[words]
        return begin, end
    if words in DAYS:
        day = today - timedelta((today.weekday() - DAYS.index(words)) % 7)
        return day, day
    day_or_none = _written_date(words, today)
    return None if day_or_none is None else (day_or_none, day_or_none)


def time_of_day(text: str) -> time | None:
    """Return a time such as 14:00 or 9:30, or None."""
    found = re.fullmatch(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", text)
    return time(int(found[1]), int(found[2])) if found else None


def _written_date(text: str, today: date) -> date | None:
    """Return a date such as 23.11.2026, 23/11/2026, 23 Nov or November 23, 2026, or None.

    A date without a year is the last one that has begun.
    """
    if not re.search("[0-9]", text) or not re.search("[./]|[a-z]{3}", text) or ":" in text:
        return None
    try:
        day_first, month_first = (
            [parse(text, default=default, dayfirst=first) for default in _DEFAULTS] for first in (True, False)
        )
    except (ParserError, OverflowError):
        return None
    one, other = day_first
    if (one.month, one.day) != (other.month, other.day):
        return None  # it has no day or no month
    if "." not in text and day_first != month_first:
        readings = f"{one:%-d %B} or {month_first[0]:%-d %B}"
        raise AmbiguousError(f"an unambiguous date: this may be {readings}, write it as {one:%Y-%m-%d}")
    if one.year == other.year:
        return one.date()
    this_year = one.date().replace(year=today.year)
    return this_year if this_year <= today else this_year.replace(year=today.year - 1)
