"""Define the API's responses. Times are UNIX seconds, and the same as ISO 8601 text in UTC."""

from datetime import UTC, datetime

import msgspec

from exporter.archive.call_back_list import CallBackList
from exporter.archive.search import CallResult, FoundTotals


class ListedCall(CallResult, frozen=True, kw_only=True):
    """A call in the response."""

    started_at_iso: str
    answered_at_iso: str | None
    ended_at_iso: str | None


class Hint(msgspec.Struct, frozen=True):
    """A hint about a search that finds nothing, or more than was meant."""

    parameter: str | None
    """The parameter that it is about; null if it is about all of them."""
    text: str


class Calls(msgspec.Struct, frozen=True):
    """A page of the calls that match, newest first."""

    calls: tuple[ListedCall, ...]
    totals: FoundTotals
    """Totals of all calls that matched at the time of the first page."""
    next: str | None
    """The path of the next page; `None` on the last one."""
    hints: tuple[Hint, ...] = ()
    """The hints that the command prints; only on the first page."""


class CallBacks(CallBackList, frozen=True):
    """The callers who are to be called back, oldest first."""

    hints: tuple[Hint, ...] = ()
    """The hints that the command prints."""


def listed(call: CallResult) -> ListedCall:
    """Return a call as the API lists it."""
    return ListedCall(
        **msgspec.structs.asdict(call),
        started_at_iso=_iso(call.started_at),
        answered_at_iso=None if call.answered_at is None else _iso(call.answered_at),
        ended_at_iso=None if call.ended_at is None else _iso(call.ended_at),
    )


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
