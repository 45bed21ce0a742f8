"""Define colours. A word or symbol says the same for people who cannot distinguish them."""

from dataclasses import dataclass, replace

from grafana_foundation_sdk.models import dashboard as model

GREEN = "#3E8E41"
BRIGHT_GREEN = "#7CFC6B"
YELLOW = "#E8C21B"
ORANGE = "#C8590C"
RED = "#B0122A"
BRIGHT_RED = "#FF1F3D"
GREY = "#55585E"
CALM = "#1D3326"
NO_DATA = "#5B3A78"
NEUTRAL = "#5794F2"
VIOLET = "#9E6FC9"


@dataclass(frozen=True)
class StateStyle:
    """The colour of a state or level, and the `text` before the tile's own text."""

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
PICK_UP = StateStyle("pick_up", BRIGHT_GREEN, "☎ PICK UP")
OVER = StateStyle("over", RED, "‼")
LEVELS = (
    StateStyle("calm", CALM, ""),
    StateStyle("0", GREEN, ""),
    StateStyle("1", YELLOW, "!"),
    StateStyle("2", BRIGHT_RED, "‼"),
)


def plain(*shown: StateStyle) -> tuple[StateStyle, ...]:
    """Return the colours without texts, for tiles whose caption is the text."""
    return tuple(replace(style, text="") for style in shown)


def value_mappings(*shown: StateStyle) -> list[model.ValueMapping]:
    """Build mappings for texts of the form `code|text of the tile`."""
    return [
        model.RegexMap(
            options=model.DashboardRegexMapOptions(
                pattern=rf"^{style.code}\|(.*)$",
                result=model.ValueMappingResult(
                    text=f"{style.text} $1".strip(), color=style.colour, index=index
                ),
            )
        )
        for index, style in enumerate(shown)
    ]


def state_codes() -> list[model.ValueMapping]:
    """Build mappings for `aircall_user_availability_code`."""
    words = {style.code: style for style in STATES}
    return [
        model.ValueMap(
            options={
                str(code): model.ValueMappingResult(
                    text=words[state].text, color=words[state].colour, index=code
                )
                for code, state in enumerate(STATE_CODES)
            }
        )
    ]
