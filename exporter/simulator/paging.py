"""Build JSON responses, and lists page by page as Aircall's API serves them."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from exporter.simulator.payloads import Payload

PER_PAGE, PER_PAGE_MAXIMUM = 20, 50

FETCH_MENUS = "fetch_call_timeline"
"""The parameter that adds options of menus to calls. Aircall leaves it out of the links to other pages."""

T = TypeVar("T")


class ApiError(Exception):
    """A request that Aircall rejects, with the status and the texts of the response."""

    def __init__(self, status: int, error: str, troubleshoot: str) -> None:
        super().__init__(troubleshoot)
        self.answer = json_answer({"error": error, "troubleshoot": troubleshoot}, status)


def json_answer(content: Payload, status: int = 200) -> Response:
    """Return a JSON response in UTF-8."""
    return Response(msgspec.json.encode(content), status, media_type="application/json; charset=utf-8")


def whole_number(request: Request, parameter: str, default: int) -> int:
    """Return a query parameter as a number of at least 0. Raises ApiError for any other text."""
    text = request.query_params.get(parameter, "")
    if text and not (text.isascii() and text.isdigit()):
        raise ApiError(400, "Bad Request", f"{parameter} is {text!r}, expected a whole number")
    return int(text) if text else default


def page_answer(
    request: Request, key: str, items: Sequence[T], payload: Callable[[T], Payload], cap: int | None = None
) -> Response:
    """Return the requested page, with its objects under `key`, converted by `payload`.

    Items beyond `cap` count in the total and are on no page. Raises ApiError for impossible pages.
    """
    page = max(1, whole_number(request, "page", 1))
    per_page = min(max(1, whole_number(request, "per_page", PER_PAGE)), PER_PAGE_MAXIMUM)
    reachable = items[:cap]
    shown = reachable[(page - 1) * per_page : page * per_page]

    def link(to: int) -> str:
        return str(request.url.remove_query_params(FETCH_MENUS).include_query_params(page=to))

    meta = {
        "count": len(shown),
        "total": len(items),
        "current_page": page,
        "per_page": per_page,
        "next_page_link": link(page + 1) if page * per_page < len(reachable) else None,
        "previous_page_link": link(page - 1) if page > 1 else None,
    }
    return json_answer({"meta": meta, key: [payload(item) for item in shown]})
