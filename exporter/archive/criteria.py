"""Define the criteria of a search, the same for the command, the API and the library.

All criteria must match. Of the options within one criterion, one must match. Only the period is mandatory.
"""

from dataclasses import dataclass
from typing import Literal

from exporter.text import truncate

Kind = Literal["time", "duration", "truth", "choice", "text"]

MAX_TIMESTAMP = 253_402_300_799
"""The end of the year 9999, in UNIX seconds."""

MAX_VALUES = 500
MAX_TEXT_LENGTH = 1000
"""Limits of the options per criterion, and of the characters per text."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A criterion by its name in the API (`longer_than`, as a flag `--longer-than`), and its field."""

    name: str
    field: str
    kind: Kind
    meaning: str
    example: str
    options: tuple[str, ...] = ()

    @property
    def several(self) -> bool:
        """Whether it may be given several times; one of the values must match."""
        return self.kind in ("text", "choice")


PARAMETERS = (
    Parameter("from", "since", "time", "calls that started at this time or later", "2026-11-23T14:30"),
    Parameter(
        "to",
        "until",
        "time",
        "calls that started at this time or on this day, or earlier; now if left out",
        "1h",
    ),
    Parameter("user", "users", "text", "calls of this user, by id or name", "Ada Lovelace"),
    Parameter(
        "rang",
        "rang",
        "text",
        "calls that rang on the phone of this user, by id or name; only known from events",
        "Ada Lovelace",
    ),
    Parameter("team", "teams", "text", "calls counted for this team, by id or name", "Sales"),
    Parameter("number", "numbers", "text", "calls on this number, by id or name", "Support"),
    Parameter("direction", "directions", "choice", "by direction", "inbound", ("inbound", "outbound")),
    Parameter("asset", "assets", "choice", "with one of these", "recording", ("recording", "voicemail")),
    Parameter("missed", "missed", "truth", "only missed calls, or none of them", "true"),
    Parameter(
        "unanswered", "unanswered", "truth", "only calls that were not answered, or none of them", "true"
    ),
    Parameter(
        "called_back",
        "called_back",
        "truth",
        "only missed calls after which a user has talked to the caller, or only the others",
        "false",
    ),
    Parameter("reason", "reasons", "text", "by why they were missed", "no_available_agent"),
    Parameter("longer_than", "longer_than", "duration", "by length, ringing included", "5m"),
    Parameter("shorter_than", "shorter_than", "duration", "by length, ringing included", "30s"),
    Parameter("tag", "tags", "text", "with this tag", "VIP"),
    Parameter("caller", "callers", "text", "by digits of the other side's number, or anonymous", "33122"),
    Parameter("text", "texts", "text", "anywhere: caller, names, reason, tags, comments", "refund"),
)


class CriterionError(ValueError):
    """A criterion with an invalid value. The message has the parameter and what is expected."""

    def __init__(self, parameter: str, problem: str) -> None:
        super().__init__(f"{parameter}: {problem}")
        self.parameter, self.problem = parameter, problem


@dataclass(frozen=True)
class Criteria:
    """The criteria of a search. Times are UNIX seconds, durations seconds. Names may be ids, too.

    Raises:
        CriterionError: A value is not of its parameter's kind, or no database could store it.
    """

    since: int
    until: int
    users: tuple[str, ...] = ()
    rang: tuple[str, ...] = ()
    """Users on whose phones the calls rang."""
    teams: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    directions: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()
    missed: bool | None = None
    unanswered: bool | None = None
    called_back: bool | None = None
    reasons: tuple[str, ...] = ()
    longer_than: int | None = None
    shorter_than: int | None = None
    tags: tuple[str, ...] = ()
    callers: tuple[str, ...] = ()
    """Digits of the number, or `anonymous`."""
    caller_hashes: tuple[str, ...] = ()
    """Hashes of the same numbers by the archive's key. The archive fills them in."""
    texts: tuple[str, ...] = ()
    """Texts that appear anywhere: caller, user, number, reason, tags, comments."""

    def __post_init__(self) -> None:
        for parameter in PARAMETERS:
            value = getattr(self, parameter.field)
            values = value if parameter.several else () if value is None else (value,)
            if len(values) > MAX_VALUES:
                problem = f"found {len(values)} options, expected at most {MAX_VALUES}"
                raise CriterionError(parameter.name, problem)
            for each in values:
                if expected := _expected(parameter, each):
                    raise CriterionError(parameter.name, f"found {truncate(each)}, expected {expected}")
        if self.since > self.until:
            raise CriterionError("to", "is before from, expected a later time")


def _expected(parameter: Parameter, value: object) -> str:
    """Return what is expected instead of an invalid value, or "" if the value is valid."""
    match parameter.kind:
        case "text":
            return _expected_text(value)
        case "choice":
            return "" if value in parameter.options else " or ".join(parameter.options)
        case "truth":
            return "" if isinstance(value, bool) else "true or false"
        case "time":
            return "" if _is_whole(value) else "a time from 1970 to 9999"
        case "duration":
            return "" if _is_whole(value) else "a duration of at most 8000y"


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and 0 <= value <= MAX_TIMESTAMP


def _expected_text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        return "a text"
    if len(value) > MAX_TEXT_LENGTH:
        return f"at most {MAX_TEXT_LENGTH} characters"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "text that is Unicode"
    return "a text without NUL" if "\x00" in value else ""
