"""Serve `GET /api/v1/call-backs`, the same list as the command `call-backs`."""

import time
from itertools import starmap

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from exporter.api.answers import CallBacks, Hint
from exporter.api.query import LIMIT, grouped, page_limit
from exporter.api.searches import Search, Searches
from exporter.archive.call_back_list import list_call_backs
from exporter.archive.criteria import Criteria
from exporter.archive.parsing import reject_unknown
from exporter.archive.store import Archive
from exporter.archive.suggestions import hints, reject_shared_names

CALL_BACKS_PATH = "/api/v1/call-backs"

NAMES = {"number": "callers who called this number", "team": "callers who called a number of this team"}
"""The parameters that restrict the list, by name or id."""


class CallBackSearch:
    """Lists the callers who are to be called back, for HTTP clients."""

    def __init__(self, archive: Archive, searches: Searches) -> None:
        self._archive, self._searches = archive, searches

    async def answer(self, request: Request) -> Response:
        """Return the list, or an error."""
        return await self._searches.answer(
            lambda: self._prepare(request), "the search took too long, try again later"
        )

    def _prepare(self, request: Request) -> Search:
        given = grouped(request.query_params.multi_items())
        reject_unknown(given, [*NAMES, LIMIT])
        limit = page_limit(given)
        numbers, teams = (tuple(given.get(name, ())) for name in NAMES)
        chosen = Criteria(0, 0, numbers=numbers, teams=teams)
        return lambda: self._list(chosen, limit)

    def _list(self, chosen: Criteria, limit: int) -> bytes:
        with self._archive.searching() as connection:
            reject_shared_names(connection, chosen)
            found = list_call_backs(connection, time.time(), chosen.numbers, chosen.teams, limit)
            shown_hints = tuple(starmap(Hint, hints(connection, chosen)))
        return msgspec.json.encode(CallBacks(**msgspec.structs.asdict(found), hints=shown_hints))
