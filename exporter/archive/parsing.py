"""Parse criteria from the command line or from a query string."""

import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, time, tzinfo
from typing import Any

from exporter.archive.criteria import PARAMETERS, Criteria, CriterionError, Parameter
from exporter.archive.dates_in_words import natural_dates, time_of_day
from exporter.durations import parse_duration
from exporter.text import truncate

TIME_FORMATS = (
    "a time such as 2026-11-23, 2026-11-23T14:30, 23 Nov, yesterday, monday, last week, 14:00 (today),"
    " 2h (that long ago), now or UNIX seconds"
)
"""The accepted forms of a time."""

LONGEST_NAME = 60
"""Characters of an unknown name that are compared with the known ones; the time grows with the length."""


def parse_criteria(given: Mapping[str, Sequence[str]], now: float, zone: tzinfo | None) -> Criteria:
    """Parse criteria from strings by parameter name. Without `to`, the period ends now.

    A time without an offset is in `zone`; None is the local one. Raises CriterionError.
    """
    fields: dict[str, Any] = {}
    for parameter in PARAMETERS:
        texts = given.get(parameter.name) or ["now"] * (parameter.name == "to")
        if parameter.name == "from" and not texts:
            raise CriterionError("from", f"missing, expected {TIME_FORMATS}")
        if parameter.several:
            fields[parameter.field] = tuple(texts)
        elif len(texts) > 1:
            raise CriterionError(parameter.name, f"found {len(texts)} times, expected once")
        elif texts:
            fields[parameter.field] = _parse(parameter, texts[0], now, zone)
    if not given.get("to") and fields["since"] > fields["until"]:
        raise CriterionError(
            "from", f"found {truncate(given['from'][0])}, expected a time that is not in the future"
        )
    return Criteria(**fields)


def reject_unknown(given: Iterable[str], known: Sequence[str]) -> None:
    """Raise CriterionError for an unknown name."""
    for name in given:
        if name not in known:
            close = difflib.get_close_matches(name[:LONGEST_NAME], known, n=1)
            hint = f", did you mean {close[0]}?" if close else f"; known are {', '.join(known)}"
            raise CriterionError(truncate(name).strip('"'), f"unknown parameter{hint}")


def parse_time(text: str, now: float, zone: tzinfo | None, last: bool = False) -> int:
    """Parse a time, and return it in UNIX seconds. Raises ValueError.

    A day, week or month is its first second, or its last one if `last`. `zone` is None for local time.
    """
    if text == "now":
        return int(now)
    is_day = re.fullmatch(r"[0-9]{1,2}\.[0-9]{1,2}", text)  # such as 23.11
    if not is_day and re.fullmatch(r"[0-9]{1,12}(\.[0-9]+)?", text):
        return int(float(text))
    with suppress(ValueError):
        return int(max(0.0, now - parse_duration(text)))
    if re.match(r"[0-9]{4}-", text):
        with suppress(ValueError, OverflowError):
            parsed = datetime.fromisoformat(text)
            if last and re.fullmatch(r"[0-9-]{10}", text):
                parsed = parsed.replace(hour=23, minute=59, second=59, fold=1)  # 23:59:59 may occur twice
            return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)).timestamp())
    if (at := time_of_day(text)) is not None:
        today = datetime.fromtimestamp(now, UTC).astimezone(zone).date()
        return int(datetime.combine(today, at, zone).timestamp())
    if (days := natural_dates(text, now, zone)) is not None:
        end = time(23, 59, 59, fold=1)
        return int(datetime.combine(days[last], end if last else time(), zone).timestamp())
    raise ValueError(TIME_FORMATS)


_TRUTHS = {"true": True, "false": False}


def _parse(parameter: Parameter, text: str, now: float, zone: tzinfo | None) -> object:
    try:
        match parameter.kind:
            case "time":
                return parse_time(text, now, zone, last=parameter.name == "to")
            case "duration":
                seconds = parse_duration(text)
                return math.ceil(seconds) if parameter.name == "shorter_than" else math.floor(seconds)
            case _:
                return _TRUTHS.get(text, text)
    except ValueError as error:
        raise CriterionError(parameter.name, f"found {truncate(text)}, expected {error}") from None
