"""The way of a caller through menus and AI voice agents, before they wait for a person.

Call timelines report it (companies on Smartflows), and so do events. Each source may miss a part, and events
come in any order. So the latest of each time is kept, whatever reported it.
"""

import msgspec


class MenuTimes(msgspec.Struct, frozen=True, gc=False):
    """When a caller was last seen where. UNIX seconds on Aircall's clock, 0 if that is unknown."""

    entered_at: int = 0
    """When they entered a menu, or began to talk to an AI voice agent, that they may still be in."""
    left_at: int = 0
    """When they left one: they chose an option, or the AI voice agent ended or passed the call on."""
    rang_in_menu_at: int = 0
    """When the call rang on a user's phone although the caller seemed to be in a menu: they have left it."""
    rang_at: int = 0
    """When the call rang on a user's phone."""
    ai_agent: bool = False
    """Whether an AI voice agent took part."""

    def merged(self, other: "MenuTimes | None") -> "MenuTimes":
        """Return the knowledge of both. The order of merging makes no difference."""
        if other is None or other == self:
            return self
        return MenuTimes(
            max(self.entered_at, other.entered_at),
            max(self.left_at, other.left_at),
            max(self.rang_in_menu_at, other.rang_in_menu_at),
            max(self.rang_at, other.rang_at),
            self.ai_agent or other.ai_agent,
        )

    @property
    def waits_since(self) -> int:
        """When the caller began to wait for a person, or 0. A report of their choice precedes a ring."""
        return self.left_at or self.rang_in_menu_at

    @property
    def in_menu(self) -> bool:
        """Whether the caller is in a menu, or talks to an AI voice agent."""
        return self.entered_at > 0 and self.entered_at >= self.left_at and self.entered_at > self.rang_at

    @property
    def waits(self) -> bool:
        """Whether the caller has left the menu, or the call has rung on a user's phone."""
        return not self.in_menu and (self.waits_since > 0 or self.rang_at > 0)

    @property
    def final(self) -> "MenuTimes | None":
        """The part that matters once the call is done, or None if there is none."""
        kept = MenuTimes(left_at=self.left_at, rang_in_menu_at=self.rang_in_menu_at, ai_agent=self.ai_agent)
        return kept if kept != NO_MENUS else None


NO_MENUS = MenuTimes()


def merged(one: MenuTimes | None, other: MenuTimes | None) -> MenuTimes | None:
    """Return the knowledge of both, or None if there is none."""
    return other if one is None else one.merged(other)
