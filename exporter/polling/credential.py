"""Whether Aircall accepts the credential, by its answers to lists."""

from collections.abc import Callable, Collection

ALWAYS_THERE = ("teams", "availabilities")
"""Lanes whose lists every account has, to be read if no list could be read before."""


class CredentialState:
    """Decides whether an answer that forbids a list is about that list only.

    A list may be forbidden to a credential with which others can be read. So the other lists are requested at
    once, those first that were read last, until one of them can be read. If none can, the credential is
    rejected.
    """

    def __init__(self, served: Callable[[], Collection[str]]) -> None:
        """Choose other lists among the lanes that `served` returns."""
        self.rejected = False
        self.lane_to_ask: str | None = None
        """The lane to read at once, because its list may decide; None if nothing is in doubt."""
        self._served = served
        self._readable: dict[str, str] = {}
        """The lists that were read when they were requested last, with their lanes, the newest at the end."""
        self._unread: set[str] = set()
        """Lanes whose list could not be read, since any list was read."""
        self._forbidden: set[str] = set()
        self._rejected_by = ""

    def read(self, lane: str, template: str) -> bool:
        """Record that a list was read. Returns whether the credential was rejected until now."""
        self._readable.pop(template, None)
        self._readable[template] = lane
        self._forbidden.discard(template)
        self._unread.clear()
        self.lane_to_ask = None
        was_rejected, self.rejected = self.rejected, False
        if was_rejected and self._rejected_by != template:
            self._forbidden.add(self._rejected_by)
        return was_rejected

    def failed(self, lane: str, template: str) -> None:
        """Record that a list could not be read for another reason than the credential."""
        self._readable.pop(template, None)
        self._unread.add(lane)
        if lane == self.lane_to_ask:
            self.lane_to_ask = self._another()

    def forbidden(self, lane: str, template: str) -> bool:
        """Record that a list is forbidden. Returns whether the credential is rejected."""
        self._readable.pop(template, None)
        if self.rejected:
            return True
        if template in self._forbidden and self._readable:
            return False
        self._forbidden.add(template)
        self._unread.add(lane)
        if self.lane_to_ask in (None, lane):
            self.lane_to_ask = self._another()
        if self.lane_to_ask is None:
            self.rejected, self._rejected_by = True, template
        return self.rejected

    def _another(self) -> str | None:
        """Return the lane that was read last and may be read now, else one that every account has."""
        candidates = (*reversed(self._readable.values()), *ALWAYS_THERE)
        possible = {*self._served()} - self._unread
        return next((lane for lane in candidates if lane in possible), None)
