"""The way of a caller through menus and AI voice agents, before they wait for a person.

Call timelines report it (companies on Smartflows), and so do events. Each source may miss a part, and events
come in any order. So the latest of each time is kept, whatever reported it.
"""

from typing import Literal

import msgspec


class MenuStep(msgspec.Struct, frozen=True):
    """A step of a caller in menus or with AI voice agents, at a time in UNIX seconds (Aircall's clock)."""

    at: int
    name: Literal["menu", "ai_agent", "ai_agent_left"]
    """`menu`: the caller chose an option."""
    detail: str = ""
    """The title of the option, or its key if it has no title."""


class MenuTimes(msgspec.Struct, frozen=True, gc=False):
    """When a caller was last seen where. UNIX seconds on Aircall's clock, 0 if that is unknown."""

    entered_at: int = 0
    """When they entered a menu, or began to talk to an AI voice agent, that they may still be in."""
    left_at: int = 0
    """When they left one: they chose an option, or the AI voice agent ended or passed the call on."""
    ai_left_at: int = 0
    """The same for AI voice agents only. An end in the second of its beginning is later."""
    first_rang_at: int = 0
    rang_at: int = 0
    """When the call rang on a user's phone, first and last."""
    ai_agent: bool = False
    """Whether an AI voice agent took part."""

    def merged(self, other: "MenuTimes | None") -> "MenuTimes":
        """Return the knowledge of both. The order of merging makes no difference."""
        if other is None or other == self:
            return self
        rings = [at for at in (self.first_rang_at, other.first_rang_at) if at]
        return MenuTimes(
            max(self.entered_at, other.entered_at),
            max(self.left_at, other.left_at),
            max(self.ai_left_at, other.ai_left_at),
            min(rings, default=0),
            max(self.rang_at, other.rang_at),
            self.ai_agent or other.ai_agent,
        )

    @property
    def extent(self) -> tuple[int, ...]:
        """How much is known, for comparisons: it only grows by merging."""
        first = -self.first_rang_at if self.first_rang_at else -(2**63)
        return self.entered_at, self.left_at, self.ai_left_at, first, self.rang_at, int(self.ai_agent)

    def until(self, latest: float) -> "MenuTimes":
        """Return the knowledge without times after `latest`, which cannot be right."""
        return MenuTimes(
            self.entered_at if self.entered_at <= latest else 0,
            self.left_at if self.left_at <= latest else 0,
            self.ai_left_at if self.ai_left_at <= latest else 0,
            self.first_rang_at if self.first_rang_at <= latest else 0,
            self.rang_at if self.rang_at <= latest else 0,
            self.ai_agent,
        )

    @property
    def _is_inside(self) -> bool:
        """Whether no report says that the caller has left what they entered."""
        return self.entered_at > self.ai_left_at and self.entered_at >= self.left_at

    @property
    def in_menu(self) -> bool:
        """Whether the caller is in a menu, or talks to an AI voice agent."""
        return self._is_inside and self.entered_at > self.rang_at

    @property
    def waits(self) -> bool:
        """Whether the caller has left the menu, or the call has rung on a user's phone."""
        return not self.in_menu and (self.left_at > 0 or self.rang_at > 0)

    @property
    def waits_since(self) -> int:
        """When the caller began to wait for a person, or 0 if nothing says so.

        A ring shows that the caller has left what they had entered, if the report of that is lost.
        """
        if self._is_inside and self.rang_at >= self.entered_at:
            return self.first_rang_at if self.first_rang_at >= self.entered_at else self.rang_at
        return self.left_at


NO_MENUS = MenuTimes()


def merged(one: MenuTimes | None, other: MenuTimes | None) -> MenuTimes | None:
    """Return the knowledge of both, or None if there is none."""
    return other if one is None else one.merged(other)
