"""Count fields of Aircall's objects that this version does not know: changes of the API become visible."""

from collections import Counter as Counts
from dataclasses import replace
from typing import TypeVar

import structlog
from prometheus_client import Counter

from exporter.aircall.data_limits import MAX_TEXT_LENGTH, Limit, Words
from exporter.aircall.endpoints import Request
from exporter.aircall.known_fields import KNOWN_FIELDS, unknown_fields
from exporter.clock import Clock

log = structlog.get_logger()

INTERVAL_S = 3600.0
"""Seconds between two examined responses of a list. Their objects are decoded once more."""

T = TypeVar("T")


class UnknownFields:
    """Examines a response of each list from time to time."""

    def __init__(self, counter: Counter, clock: Clock, exceeded: Counts[Limit]) -> None:
        """Count by list and field. Fields beyond the limit are `other`, and counted in `exceeded`."""
        self._counter, self._clock, self._exceeded = counter, clock, exceeded
        self._examined: dict[str, float] = {}
        """By list: when a response was examined last."""
        self._names = Words("field_names", ())
        self._logged: set[tuple[str, str]] = set()

    def watched(self, request: Request[T]) -> Request[T]:
        """Return the request, with a decoder that examines the response if it is time for that."""
        name, now = request.template.rpartition("/")[2], self._clock()
        is_list = request.id is None and name in KNOWN_FIELDS
        if not is_list or now - self._examined.get(name, -INTERVAL_S) < INTERVAL_S:
            return request

        def decode(body: bytes) -> T:
            decoded = request.decode(body)
            self._examined[name] = now
            self._count(name, body)
            return decoded

        return replace(request, decode=decode)

    def _count(self, name: str, body: bytes) -> None:
        for found in sorted(unknown_fields(body, name)):
            field = self._names.word(found[:MAX_TEXT_LENGTH], self._exceeded)
            if (name, field) not in self._logged:
                self._logged.add((name, field))
                log.info("field that this version does not know, ignored", list=name, field=field)
            self._counter.labels(name, field).inc()
