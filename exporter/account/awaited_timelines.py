"""Done calls that only an event has reported, and that are counted once their timeline is fetched.

Events have no timeline. If Aircall does not return the end of a call within a minute, it is counted as it is
known.
"""

from typing import TYPE_CHECKING

from msgspec.structs import replace

from exporter.account.records import CallRecord

if TYPE_CHECKING:
    from exporter.account.account import Account

MAX_WAIT_S = 60.0
"""Seconds after the event after which a call is counted without its timeline."""


class AwaitedTimelines:
    """The calls, as they will be saved, and when the first event reported their end (our clock)."""

    def __init__(self) -> None:
        self._awaited: dict[int, tuple[float, CallRecord]] = {}

    def add(self, record: CallRecord, at: float) -> None:
        """Wait for the timeline of a call, whose end an event reported `at` (our clock)."""
        since, _ = self._awaited.get(record.call.id, (at, record))
        self._awaited[record.call.id] = since, record

    def pop(self, call_id: int) -> CallRecord | None:
        """Stop waiting for a timeline. Return the call, or None if it was not awaited."""
        return self._awaited.pop(call_id, (0.0, None))[1]

    def overdue(self, now: float) -> list[int]:
        """Return the ids of the calls whose timeline is not awaited any longer, `now` (our clock)."""
        return [call_id for call_id, (since, _) in self._awaited.items() if now - since >= MAX_WAIT_S]


def count_awaited(account: "Account", call_id: int) -> bool:
    """Count a call whose timeline was awaited, as it is known. Return False if it was not awaited."""
    record, known = account.awaited.pop(call_id), account.calls.calls.get(call_id)
    if record is None or known is None:
        return False
    as_known = CallRecord(replace(record.call, menus=known.menus), record.details, record.shown)
    account.ledger.add(known, as_known, account.calls.finish(call_id))
    return True
