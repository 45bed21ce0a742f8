"""Serve `GET /api/v1/calls/{id}`, the same steps as the command `call`."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from exporter.api.recordings import CALL_ID
from exporter.api.searches import Search, Searches
from exporter.archive.journeys import journey
from exporter.archive.store import Archive
from exporter.text import truncate
from exporter.web.problems import problem


class JourneySearch:
    """Returns calls with their steps, for HTTP clients."""

    def __init__(self, archive: Archive, searches: Searches) -> None:
        self._archive, self._searches = archive, searches

    async def answer(self, request: Request) -> Response:
        """Return the call, or an error."""
        call_id = request.path_params["id"]
        if not CALL_ID.fullmatch(call_id):
            return problem(404, f"found {truncate(call_id)}, expected a call's id")
        return await self._searches.answer(
            lambda: self._prepare(int(call_id)), "the search took too long, try again later"
        )

    def _prepare(self, call_id: int) -> Search:
        return lambda: self._search(call_id)

    def _search(self, call_id: int) -> bytes | None:
        with self._archive.searching() as connection:
            found = journey(connection, call_id)
        return None if found is None else msgspec.json.encode(found)
