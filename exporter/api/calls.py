"""Serve `GET /api/v1/calls`, the same search as the command `calls`."""

import time
from itertools import starmap

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from exporter.api.answers import Calls, Hint, listed
from exporter.api.query import Cursor, Query, read_query
from exporter.api.searches import Search, Searches
from exporter.archive.search import page, totals
from exporter.archive.store import Archive
from exporter.archive.suggestions import all_hints, reject_shared_names


class CallSearch:
    """Searches an archive for HTTP clients."""

    def __init__(self, archive: Archive, searches: Searches, link_prefix: str) -> None:
        """Share `searches` with other searches. The path of the next page begins with `link_prefix`."""
        self._archive, self._searches, self._link_prefix = archive, searches, link_prefix

    async def answer(self, request: Request) -> Response:
        """Return the calls that match the request's criteria, or an error."""
        return await self._searches.answer(
            lambda: self._prepare(request), "the search took too long, narrow the period or try again later"
        )

    def _prepare(self, request: Request) -> Search:
        query = read_query(request.query_params.multi_items(), time.time())
        return lambda: self._search(query)

    def _search(self, query: Query) -> bytes:
        cursor = query.cursor
        with self._archive.searching() as connection:
            reject_shared_names(connection, query.criteria)
            criteria = self._archive.with_caller_hashes(connection, query.criteria)
            found = page(connection, criteria, query.limit + 1, cursor.place if cursor else None)
            matched = cursor.totals if cursor else totals(connection, criteria)
            shown_hints = () if cursor else tuple(starmap(Hint, all_hints(connection, criteria, bool(found))))
        shown, more = found[: query.limit], found[query.limit :]
        cursor = Cursor(shown[-1].started_at, shown[-1].id, matched) if more else None
        following = f"{self._link_prefix}{query.next(cursor)}" if cursor else None
        return msgspec.json.encode(Calls(tuple(map(listed, shown)), matched, following, shown_hints))
