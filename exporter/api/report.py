"""Serve `GET /api/v1/report`, the same report as the command `report`."""

import time
from collections.abc import Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from exporter.api.query import grouped
from exporter.api.searches import Searches
from exporter.archive.criteria import CriterionError
from exporter.archive.database import ArchiveError
from exporter.archive.parsing import reject_unknown
from exporter.archive.store import Archive
from exporter.config.settings import Settings
from exporter.report.parameters import PARAMETERS, ReportRequest, parse_request
from exporter.report.rows import report
from exporter.web.problems import json_answer, problem

REPORT_PATH = "/api/v1/report"


class Reports:
    """Makes reports from an archive for HTTP clients."""

    def __init__(self, archive: Archive, searches: Searches, settings: Callable[[], Settings]) -> None:
        """Share `searches` with other searches; `settings` returns those in force."""
        self._archive, self._searches, self._settings = archive, searches, settings

    async def answer(self, request: Request) -> Response:
        """Return the report that the request asks for, or an error."""
        settings = self._settings()
        try:
            given = grouped(request.query_params.multi_items())
            reject_unknown(given, [parameter.name for parameter in PARAMETERS])
            asked = parse_request(given, time.time(), settings.today)
            return json_answer(await self._searches.run(lambda: self._report(settings, asked)))
        except CriterionError as error:
            return problem(400, str(error))
        except ArchiveError as error:
            return problem(503, f"the archive cannot be searched now: {error}")
        except TimeoutError:
            return problem(503, "the report took too long, narrow the time range or try again later")

    def _report(self, settings: Settings, asked: ReportRequest) -> bytes:
        with self._archive.searching() as connection:
            return msgspec.json.encode(report(connection, settings, asked))
