"""Keep the ring attempts of calls until the archive has them, because events cannot be fetched again."""

from collections.abc import Iterable

from exporter.account.records import CountedCall

MAX_CALLS = 20_000
"""Calls whose ring attempts wait to be submitted, and calls whose ring attempts wait to be saved."""


class UnsavedRings:
    """What calls add to the ring attempts, by call id. The archive adds that of each call once."""

    def __init__(self) -> None:
        self._waiting: dict[int, CountedCall] = {}
        """To be submitted with the next batch."""
        self._submitted: dict[int, CountedCall] = {}
        """Submitted, and not known to be saved."""

    def add(self, added: CountedCall) -> None:
        """Take in what a call adds. Beyond `MAX_CALLS`, it is lost."""
        if len(self._waiting) < MAX_CALLS:
            self._waiting.setdefault(added.call.id, added)

    def take(self) -> list[CountedCall]:
        """Return what is to be submitted now."""
        taken, self._waiting = self._waiting, {}
        self._submitted |= taken
        while len(self._submitted) > MAX_CALLS:  # the database rejects some calls
            del self._submitted[next(iter(self._submitted))]
        return list(taken.values())

    def saved(self, call_ids: Iterable[int]) -> None:
        """Forget the ring attempts of these calls, which the archive has."""
        for call_id in call_ids:
            self._submitted.pop(call_id, None)

    def taken_back(self, additions: Iterable[CountedCall]) -> None:
        """Submit these additions again, as far as they are ring attempts: the archive had no room."""
        again = {added.call.id: added for added in additions if added.stage == "ring_attempts"}
        for call_id in again:
            self._submitted.pop(call_id, None)
        self._waiting = again | self._waiting

    def submit_again(self) -> None:
        """Submit again all that is not known to be saved: the archive was replaced."""
        self._waiting = self._submitted | self._waiting
        self._submitted = {}
