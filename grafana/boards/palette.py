"""Colours, each with the word or sign that says the same to who cannot tell them apart."""

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
class Sign:
    """How a state or a level is shown: `text` is put before what the tile says."""

    code: str
    colour: str
    text: str


STATES = (
    Sign("available", GREEN, "Available"),
    Sign("in_call", ORANGE, "In a call"),
    Sign("after_call_work", YELLOW, "After-call work"),
    Sign("do_not_disturb", RED, "Do not disturb"),
    Sign("offline", GREY, "Offline"),
    Sign("unknown", GREY, "State unknown"),
)
# As `aircall_user_availability_code` numbers them.
STATE_CODES = ("offline", "available", "do_not_disturb", "in_call", "after_call_work", "unknown")
ANSWERED = Sign("answered", GREEN, "answered")
MISSED = Sign("missed", RED, "missed")
OUTBOUND = Sign("outbound", NEUTRAL, "outbound")
UNANSWERED = Sign("unanswered", GREY, "outbound, not answered")
REASONS = (
    Sign("no_available_agent", RED, "no available agent"),
    Sign("agents_did_not_answer", ORANGE, "agents did not answer"),
    Sign("abandoned_in_classic", YELLOW, "abandoned while waiting"),
    Sign("abandoned_in_ivr", VIOLET, "abandoned in the menu"),
    Sign("short_abandoned", NEUTRAL, "abandoned at once"),
    Sign("out_of_opening_hours", GREY, "out of opening hours"),
)
"""Why calls are missed, as Aircall names it."""
PICK_UP = Sign("pick_up", BRIGHT_GREEN, "☎ PICK UP")
OVER = Sign("over", RED, "‼")
LEVELS = (
    Sign("calm", CALM, ""),
    Sign("0", GREEN, ""),
    Sign("1", YELLOW, "!"),
    Sign("2", BRIGHT_RED, "‼"),
)


def plain(*shown: Sign) -> tuple[Sign, ...]:
    """The colours alone, for tiles whose caption is the word."""
    return tuple(replace(sign, text="") for sign in shown)


def signs(*shown: Sign) -> list[model.ValueMapping]:
    """Mappings for texts of the form `code|what the tile says`."""
    return [
        model.RegexMap(
            options=model.DashboardRegexMapOptions(
                pattern=rf"^{sign.code}\|(.*)$",
                result=model.ValueMappingResult(
                    text=f"{sign.text} $1".strip(), color=sign.colour, index=index
                ),
            )
        )
        for index, sign in enumerate(shown)
    ]


def state_codes() -> list[model.ValueMapping]:
    """Mappings for `aircall_user_availability_code`."""
    words = {sign.code: sign for sign in STATES}
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
