"""Serve `GET /api/v1/calls/{id}/recording` and `/voicemail`: permanent links to recordings.

Aircall's direct links expire within an hour, so they are not saved. For each request, the exporter fetches a
new link from Aircall, within the request budget, and redirects the browser to it.
"""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from exporter.aircall.models import CallWithDetails
from exporter.polling.on_demand import ON_DEMAND_ERRORS, to_http_error
from exporter.text import truncate
from exporter.web.problems import problem

LookUp = Callable[[int], CallWithDetails | None]
"""Fetches a call from Aircall; returns `None` if there is no such call. Raises one of `ON_DEMAND_ERRORS`."""

ASSETS = ("recording", "voicemail")

CALL_ID = re.compile("[0-9]{1,18}")
"""An id that fits into the archive's columns."""

_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


class Assets:
    """Redirects to recordings and voicemails."""

    def __init__(self, look_up: LookUp) -> None:
        self._look_up = look_up

    async def answer(self, request: Request) -> Response:
        """Redirect to a recording or voicemail, or return an error."""
        call_id, asset = request.path_params["id"], request.path_params["asset"]
        if asset not in ASSETS:
            return problem(404, f"found {truncate(asset)}, expected {' or '.join(ASSETS)}")
        if not CALL_ID.fullmatch(call_id):
            return problem(404, f"found {truncate(call_id)}, expected a call's id")
        return await self._redirect(asset, int(call_id))

    async def _redirect(self, asset: str, call_id: int) -> Response:
        try:
            found = await run_in_threadpool(self._look_up, call_id)
        except ON_DEMAND_ERRORS as error:
            return problem(*to_http_error(error))
        link = getattr(found.details, asset) if found else None
        if link is None:
            return problem(404, f"call {call_id} has no {asset}")
        if not is_web_address(link):
            return problem(502, f"Aircall's link to the {asset} is none that a browser could follow")
        return RedirectResponse(link, 302, _HEADERS)


def is_web_address(link: str) -> bool:
    """Return whether a link is http or https with a host, so that it cannot run code in the browser."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return False
    return parts.scheme in ("https", "http") and bool(parts.hostname) and link.isprintable()
