"""Parse what a report is asked for: a time range, a grouping and an interval."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, cast, get_args

from exporter.account.day import DAY_S, day_begin, day_start, zone_of
from exporter.archive.criteria import MAX_TIMESTAMP, CriterionError
from exporter.archive.dates_in_words import natural_dates
from exporter.archive.parsing import TIME_FORMATS, parse_time
from exporter.config.settings import Today
from exporter.durations import parse_duration
from exporter.report.intervals import Period, Step, last_complete, lengths
from exporter.text import truncate

By = Literal["company", "team", "number", "user", "tag"]

MAX_ROWS = 100_000
"""Rows of a report."""

LATEST = MAX_TIMESTAMP - 7 * DAY_S
"""The latest time of a report: the days around it exist, too."""

TIMES = TIME_FORMATS
INTERVALS = "15m, 30m, 1h or another duration that divides a day, or day"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter by its name in the API, which is also the name of the flag."""

    name: str
    meaning: str
    example: str
    options: tuple[str, ...] = ()


PARAMETERS = (
    Parameter("from", f"calls that started at this time or later: {TIMES}; default: today", "yesterday"),
    Parameter("to", "calls that started before this time, or on this day or earlier; default: now", "today"),
    Parameter(
        "period",
        "the last complete day, week (from Monday) or month, in place of from and to",
        "week",
        get_args(Period),
    ),
    Parameter("by", "a row for each of these; default: company", "team", get_args(By)),
    Parameter(
        "interval", f"a row for each interval: {INTERVALS}; default: one for the whole time range", "30m"
    ),
    Parameter("utc", "whether days and times are UTC; local otherwise", "true", ("true", "false")),
)
"""The parameters of a report, the same for the command and the API."""


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What a report is asked for. Times are UNIX seconds; `until` is not included."""

    since: int
    until: int
    by: By
    step: Step
    interval: str | None
    """The interval as it was given."""
    today: Today
    """When days begin."""


def parse_request(given: Mapping[str, Sequence[str]], now: float, today: Today) -> ReportRequest:
    """Parse texts by parameter name. Raises CriterionError.

    Args:
        given: The texts. Parameters that are not known are ignored.
        now: The present time (UNIX seconds).
        today: When days begin, by the settings.
    """
    texts: dict[str, str] = {}
    for parameter in PARAMETERS:
        values = given.get(parameter.name, ())
        if len(values) > 1:
            raise CriterionError(parameter.name, f"found {len(values)} times, expected once")
        if values:
            texts[parameter.name] = values[0]
            if parameter.options and values[0] not in parameter.options:
                expected = ", ".join(parameter.options[:-1]) + f" or {parameter.options[-1]}"
                raise CriterionError(parameter.name, f"found {truncate(values[0])}, expected {expected}")
    if texts.get("utc") == "true":
        today = Today(today.starts_at, "UTC")
    since, until = _range(texts, now, today)
    step = _step(texts.get("interval"))
    _require_few(since, until, step, texts.get("interval"))
    by = cast("By", texts.get("by", "company"))
    return ReportRequest(since, until, by, step, texts.get("interval"), today)


def too_many_rows(interval: str | None, seconds: float, shortest: int) -> CriterionError:
    """Return the error for a report with more than `MAX_ROWS` rows.

    Args:
        interval: The interval as it was given.
        seconds: The length of the time range.
        shortest: The seconds that an interval must exceed for the rows to be few enough.
    """
    usual = next(lengths(shortest), None)
    remedy = f"{usual} or longer, or a shorter time range" if usual else "a shorter time range"
    found = "one row for each group" if interval is None else f"found {interval}"
    return CriterionError(
        "interval", f"{found}, more than {MAX_ROWS:,} rows in {seconds / DAY_S:.0f} days, expected {remedy}"
    )


def _range(texts: Mapping[str, str], now: float, today: Today) -> tuple[int, int]:
    if "period" in texts:
        for other in ("from", "to"):
            if other in texts:
                raise CriterionError("period", f"found together with {other}, expected one of the two")
        return last_complete(cast("Period", texts["period"]), now, today)
    since = _time("from", texts.get("from", "today"), now, today)
    until = _time("to", texts.get("to", "now"), now, today)
    if since >= until:
        raise CriterionError("to", "is not after from, expected a later time")
    return since, until if since > now else min(until, int(now) + 1)


def _time(name: str, text: str, now: float, today: Today) -> int:
    """Return the start of a time range, or its end, which is not included."""
    is_end = name == "to"
    if text == "yesterday":
        begun = day_start(now, today)
        return begun if is_end else day_start(begun - 1, today)
    if text in ("today", "now"):
        return int(now) + 1 if is_end else day_start(now, today) if text == "today" else int(now)
    try:
        days = None if re.match("[0-9]{4}-", text) else natural_dates(text, now, zone_of(today))
        if days is not None:
            return day_begin(days[1] + timedelta(1) if is_end else days[0], today)
        at = parse_time(text, now, zone_of(today), last=is_end)
    except ValueError as error:
        raise CriterionError(name, f"found {truncate(text)}, expected {error}") from None
    if not 0 <= at <= LATEST:
        raise CriterionError(name, f"found {truncate(text)}, expected a time from 1970 to 9999")
    return at + 1 if is_end and re.fullmatch("[0-9-]{10}", text) and not text.isdecimal() else at


def _step(text: str | None) -> Step:
    if text is None:
        return None
    if text == "day":
        return "day"
    with suppress(ValueError):
        duration = parse_duration(text)
        seconds = int(duration)
        if seconds == DAY_S:
            return "day"
        if seconds and duration.is_integer() and DAY_S % seconds == 0:
            return seconds
    raise CriterionError("interval", f"found {truncate(text)}, expected {INTERVALS}")


def _require_few(since: int, until: int, step: Step, interval: str | None) -> None:
    seconds = DAY_S if step == "day" else step
    if seconds is not None and (until - since) / seconds > MAX_ROWS:
        raise too_many_rows(interval, until - since, (until - since) // MAX_ROWS)
