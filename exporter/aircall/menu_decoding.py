"""Decode a caller's way through menus and AI voice agents.

`fetch_call_timeline=true` adds the options that the caller chose, for companies on Smartflows.
`fetch_aiva_conv=true` adds the sessions of AI voice agents (API reference, "Calls"). Events may have both.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from exporter.aircall.call_times import is_during
from exporter.aircall.decoding import decode_objects
from exporter.aircall.menus import NO_MENUS, MenuStep, MenuTimes
from exporter.aircall.models import Call
from exporter.aircall.times import read_time

MAX_ITEMS = 200
"""Options and sessions of one call that are read; later ones are ignored."""

_TIMELINE = b'"ivr_options_selected"'
_AI_AGENTS = b'"ai_voice_agents"'


class _Option(msgspec.Struct):
    """An option that the caller chose. The times are those of the way through its menu."""

    title: Any = None
    key: Any = None
    transition_started_at: Any = None
    transition_ended_at: Any = None


class _AiSession(msgspec.Struct):
    """A conversation with an AI voice agent."""

    started_at: Any = None
    ended_at: Any = None


class _Timeline(msgspec.Struct):
    ivr_options_selected: list[msgspec.Raw] | None = None


class _AiAgents(msgspec.Struct):
    ai_voice_agents: list[msgspec.Raw] | None = None


class DecodedMenus(NamedTuple):
    """What a call says about menus and AI voice agents. The times are None if it says nothing."""

    times: MenuTimes | None
    has_timeline: bool
    """Whether it has a timeline, also if the caller chose nothing."""
    steps: tuple[MenuStep, ...] = ()


def decode_menus(raw: msgspec.Raw, call: Call) -> DecodedMenus:
    """Decode what a call says about menus and AI voice agents.

    Malformed options and sessions, and times that cannot be right, are ignored. The times also ignore options
    that were chosen after a user's answer, as the caller no longer waits then. An AI voice agent may answer,
    too.
    """
    body = bytes(raw)
    timelines = decode_objects([raw], _Timeline)[0] if _TIMELINE in body else ()
    has_timeline = any(read.ivr_options_selected is not None for read in timelines)
    if call.direction == "outbound":
        return DecodedMenus(None, has_timeline)
    found, steps = NO_MENUS, list[MenuStep]()
    if _AI_AGENTS in body:
        for agents in decode_objects([raw], _AiAgents)[0]:
            for session in _items(agents.ai_voice_agents, _AiSession):
                found = found.merged(_times(call, session.started_at, session.ended_at, ai_agent=True))
                steps.append(MenuStep(_moment(call, session.started_at), "ai_agent"))
                steps.append(MenuStep(_moment(call, session.ended_at), "ai_agent_left"))
    answered_at = None if found.ai_agent else call.answered_at
    for read in timelines:
        for option in _items(read.ivr_options_selected, _Option):
            times = _times(call, option.transition_started_at, option.transition_ended_at)
            found = found.merged(times if answered_at is None else times.until(answered_at))
            chosen_at = times.left_at or times.entered_at
            steps.append(MenuStep(chosen_at, "menu", _text(option.title) or _text(option.key)))
    return DecodedMenus(
        found if found != NO_MENUS else None, has_timeline, tuple(step for step in steps if step.at)
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _items(raws: list[msgspec.Raw] | None, kind: type[Any]) -> Iterator[Any]:
    return iter(decode_objects((raws or [])[:MAX_ITEMS], kind)[0])


def _times(call: Call, entered: object, left: object, ai_agent: bool = False) -> MenuTimes:
    if left_at := _moment(call, left):
        return MenuTimes(left_at=left_at, ai_left_at=left_at if ai_agent else 0, ai_agent=ai_agent)
    return MenuTimes(entered_at=_moment(call, entered), ai_agent=ai_agent)


def _moment(call: Call, value: object) -> int:
    """Return a time during the call in UNIX seconds, or 0."""
    at = read_time(value)
    return at if at is not None and is_during(call, at) else 0
