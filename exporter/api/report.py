"""Serve `GET /api/v1/report`, the same report as the command `report`."""

import time
from collections.abc import Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from exporter.api.query import grouped
from exporter.api.searches import Search, Searches
from exporter.archive.parsing import reject_unknown
from exporter.archive.store import Archive
from exporter.config.settings import Settings
from exporter.report.parameters import PARAMETERS, ReportRequest, parse_request
from exporter.report.rows import report

REPORT_PATH = "/api/v1/report"


class Reports:
    """Makes reports from an archive for HTTP clients."""

    def __init__(self, archive: Archive, searches: Searches, settings: Callable[[], Settings]) -> None:
        """Share `searches` with other searches; `settings` returns those in force."""
        self._archive, self._searches, self._settings = archive, searches, settings

    async def answer(self, request: Request) -> Response:
        """Return the report that the request asks for, or an error."""
        return await self._searches.answer(
            lambda: self._prepare(request),
            "the report took too long, narrow the time range or try again later",
        )

    def _prepare(self, request: Request) -> Search:
        settings = self._settings()
        given = grouped(request.query_params.multi_items())
        reject_unknown(given, [parameter.name for parameter in PARAMETERS])
        asked = parse_request(given, time.time(), settings.today)
        return lambda: self._report(settings, asked)

    def _report(self, settings: Settings, asked: ReportRequest) -> bytes:
        with self._archive.searching() as connection:
            return msgspec.json.encode(report(connection, settings, asked))
