"""Define colours. A word or symbol says the same for people who cannot distinguish them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from grafana_foundation_sdk.models import dashboard as model

GREEN = "#3E8E41"
YELLOW = "#E8C21B"
ORANGE = "#C8590C"
RED = "#B0122A"
BRIGHT_RED = "#FF1F3D"
PICK_UP = "#2BD14F"
PLAIN = "#1A1C21"
GROUP = "#2E3B52"
"""The row of a team or number."""
GREY = "#55585E"
CALM = "#1D3326"
NO_DATA = "#5B3A78"
NEUTRAL = "#5794F2"
VIOLET = "#9E6FC9"


@dataclass(frozen=True)
class StateStyle:
    """The colour of a state, outcome or reason, and its word."""

    code: str
    colour: str
    text: str


STATES = (
    StateStyle("available", GREEN, "Available"),
    StateStyle("in_call", ORANGE, "In a call"),
    StateStyle("after_call_work", YELLOW, "After-call work"),
    StateStyle("do_not_disturb", RED, "Do not disturb"),
    StateStyle("offline", GREY, "Offline"),
    StateStyle("unknown", GREY, "State unknown"),
)
# In the order of `aircall_user_availability_code`.
STATE_CODES = ("offline", "available", "do_not_disturb", "in_call", "after_call_work", "unknown")
ANSWERED = StateStyle("answered", GREEN, "answered")
MISSED = StateStyle("missed", RED, "missed")
AI_AGENT = StateStyle("ai_agent", NEUTRAL, "by an AI agent")
OUTBOUND = StateStyle("outbound", NEUTRAL, "outbound")
UNANSWERED = StateStyle("unanswered", GREY, "outbound, not answered")
REASONS = (
    StateStyle("no_available_agent", RED, "no available agent"),
    StateStyle("agents_did_not_answer", ORANGE, "agents did not answer"),
    StateStyle("abandoned_in_classic", YELLOW, "abandoned while waiting"),
    StateStyle("abandoned_in_ivr", VIOLET, "abandoned in the menu"),
    StateStyle("short_abandoned", NEUTRAL, "abandoned at once"),
    StateStyle("out_of_opening_hours", GREY, "out of opening hours"),
)
"""Aircall's reasons for missed calls."""

ATTEMPTS = (
    StateStyle("answered", GREEN, "answered"),
    StateStyle("declined", RED, "declined"),
    StateStyle("missed", ORANGE, "missed"),
)
"""What became of a call that rang on a user's phone."""

AWAY = "#552430"
WALL_STATES = (
    StateStyle("available", "#22532A", "Available"),
    StateStyle("in_call", "#5A3A22", "In a call"),
    StateStyle("after_call_work", "#5C521A", "Wrap\u2011up"),
    StateStyle("do_not_disturb", AWAY, "DND"),
    StateStyle("offline", "#26282D", "Offline"),
    StateStyle("unknown", "#26282D", "Unknown"),
)
"""Dark shades of the states for whole rows, so that only warnings are bright."""
BAND_STATES = tuple(replace(state, text=short.text) for state, short in zip(STATES, WALL_STATES, strict=True))
"""The states in the colours of charts, with words for narrow bands."""
SUBSTATUSES = (
    ("/^out_for_lunch$/", "Lunch"),
    ("/^on_a_break$/", "Break"),
    ("/^in_training$/", "Training"),
    ("/^back_office$/", "Back office"),
    ("/^other$/", "Away"),
    ("/^(.+)$/", "$1"),
)
"""The reasons for do not disturb that Aircall offers, and any other."""
REASONS_AWAY = (
    StateStyle("out_for_lunch", ORANGE, "Lunch"),
    StateStyle("on_a_break", YELLOW, "Break"),
    StateStyle("in_training", NEUTRAL, "Training"),
    StateStyle("back_office", VIOLET, "Back office"),
    StateStyle("other", RED, "Other"),
    StateStyle("always_closed", GREY, "No reason set"),
    StateStyle("unknown", NO_DATA, "Unknown"),
)
"""The same for charts of time."""


def value_map(styles: Iterable[StateStyle]) -> model.ValueMap:
    """Build a mapping from codes to words and colours."""
    return model.ValueMap(
        options={
            style.code: model.ValueMappingResult(text=style.text, color=style.colour, index=index)
            for index, style in enumerate(styles)
        }
    )


def regex_maps(patterns: Iterable[tuple[str, str]], colour: str) -> list[model.RegexMap]:
    """Build mappings from patterns to words, in one colour. The first that matches applies."""
    return [
        model.RegexMap(
            options=model.DashboardRegexMapOptions(
                pattern=pattern, result=model.ValueMappingResult(text=word, color=colour, index=100 + index)
            )
        )
        for index, (pattern, word) in enumerate(patterns)
    ]


def nothing(text: str, colour: str) -> model.SpecialValueMap:
    """Build a mapping for a missing value, or for a share of 0 calls."""
    return model.SpecialValueMap(
        options=model.DashboardSpecialValueMapOptions(
            match=model.SpecialValueMatch.NULL_AND_NAN,
            result=model.ValueMappingResult(text=text, color=colour, index=98),
        )
    )


def state_codes(styles: Iterable[StateStyle]) -> model.ValueMap:
    """Build a mapping for `aircall_user_availability_code`."""
    by_code = {style.code: style for style in styles}
    return value_map(replace(by_code[state], code=str(number)) for number, state in enumerate(STATE_CODES))
