"""Understand times as people write them: yesterday, monday, last week, 14:00 or 23 Nov 2026."""

import re
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from dateutil.parser import ParserError, parse

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


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


_MONTH_NAMES = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_NAMED = re.compile(
    rf"(?P<day>[0-9]{{1,2}})\.? (?P<month>({_MONTH_NAMES})[a-z]*)\.?,?( (?P<year>[0-9]{{4}}))?"
    rf"|(?P<month2>({_MONTH_NAMES})[a-z]*)\.? (?P<day2>[0-9]{{1,2}}),?( (?P<year2>[0-9]{{4}}))?"
)
_YEAR_FIRST = re.compile(r"([0-9]{4})[./]([0-9]{1,2})[./]([0-9]{1,2})")
_YEAR_LAST = re.compile(r"([0-9]{1,2})([./])([0-9]{1,2})(?:\2([0-9]{4})?)?")


def _written_date(text: str, today: date) -> date | None:
    """Return a date such as 23.11.2026, 11/23/2026, 23 Nov or November 23, 2026, or None.

    A date without a year is the last one that has begun.
    """
    if found := _YEAR_FIRST.fullmatch(text):
        return _date(int(found[1]), int(found[2]), int(found[3]), today)
    if found := _YEAR_LAST.fullmatch(text):
        one, other, year = int(found[1]), int(found[3]), int(found[4]) if found[4] else None
        day_first, month_first = _date(year, other, one, today), _date(year, one, other, today)
        if found[2] == "/" and day_first and month_first and day_first != month_first:
            readings = f"{day_first:%-d %B} or {month_first:%-d %B}"
            raise AmbiguousError(f"an unambiguous date: this may be {readings}, write it as {day_first}")
        return day_first if found[2] == "." else day_first or month_first
    if (found := _NAMED.fullmatch(text)) is None:
        return None
    try:
        month = parse(
            f"1 {found['month'] or found['month2']} 2000"
        ).month  # a day of 31 could be read as a year
    except (ParserError, OverflowError):
        return None
    year_text = found["year"] or found["year2"]
    return _date(int(year_text) if year_text else None, month, int(found["day"] or found["day2"]), today)


def _date(year: int | None, month: int, day: int, today: date) -> date | None:
    """Return a date, or None if there is none. Without a year, it is the last one that has begun."""
    years = (year,) if year is not None else range(today.year, today.year - 9, -1)
    for each in years:
        with suppress(ValueError):
            found = date(each, month, day)
            if year is not None or found <= today:
                return found
    return None
