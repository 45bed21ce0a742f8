"""What the API answers. Times are UNIX seconds, and the same again as ISO 8601 text in UTC."""

from datetime import UTC, datetime

import msgspec
from starlette.responses import Response

from exporter.archive.search import CallResult, FoundTotals


class ListedCall(CallResult, frozen=True, kw_only=True):
    """A call that was found."""

    started_at_iso: str
    answered_at_iso: str | None
    ended_at_iso: str | None


class Calls(msgspec.Struct, frozen=True):
    """A page of the calls that match, newest first."""

    calls: tuple[ListedCall, ...]
    totals: FoundTotals
    """Of all that matched when the first page was asked for."""
    next: str | None
    """Where the next page is; none on the last one."""


class Problem(msgspec.Struct, frozen=True):
    """Why there is no answer, in a line."""

    error: str


def json_answer(body: bytes, code: int = 200) -> Response:
    """An answer that no cache keeps."""
    return Response(body, code, {"Cache-Control": "no-store"}, "application/json")


def problem(code: int, why: str) -> Response:
    return json_answer(msgspec.json.encode(Problem(why)), code)


def listed(call: CallResult) -> ListedCall:
    """A found call as the API lists it."""
    return ListedCall(
        **msgspec.structs.asdict(call),
        started_at_iso=_iso(call.started_at),
        answered_at_iso=None if call.answered_at is None else _iso(call.answered_at),
        ended_at_iso=None if call.ended_at is None else _iso(call.ended_at),
    )


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
