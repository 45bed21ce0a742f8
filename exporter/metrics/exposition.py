"""Serve `/metrics` with as little work per scrape as possible.

Families that change only with a poll are formatted once for each snapshot. Unchanged rows keep their text,
and unchanged chunks stay compressed. A scrape adds the time-dependent families and those that
prometheus-client's instruments count. It makes only the groups of metrics that it was asked for.
"""

import gzip
import re
import threading
from collections.abc import Callable, Mapping
from typing import NamedTuple

from cachetools import LRUCache, TTLCache
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from exporter.archive.status import ArchiveStatus
from exporter.clock import Clocks, Moment
from exporter.metrics.groups import ALL_GROUPS, MetricGroup
from exporter.metrics.gzip_stream import Chunk, GzipPrefix, gzipped
from exporter.metrics.sections import SECTIONS, time_dependent_samples
from exporter.metrics.text import time_dependent_lines
from exporter.metrics.text_cache import FORMATS, Format, SectionText, header
from exporter.polling.status import Snapshot

VIEW_TTL_S = 300.0
"""Seconds for which each snapshot is prepared in a view after the last scrape of that view."""

MAX_VIEWS = 8
"""Views that are prepared and kept. Others are made at each scrape, so that memory stays bounded."""

WALL_CLOCK_STEP_S = 0.5
"""Change of the wall clock, in seconds, from which all lines with UNIX times are made again."""


class View(NamedTuple):
    """What a scrape asks for: a format, groups of metrics, and whether the body is compressed."""

    form: Format
    groups: frozenset[MetricGroup]
    zipped: bool


class _Page:
    """The text of a snapshot without the time-dependent families.

    Valid until `valid_until` (seconds, our clock), and as long as the wall clock's lead is `wall_ahead`.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        chunks: dict[Format, list[tuple[MetricGroup, Chunk]]],
        valid_until: float,
        wall_ahead: float,
    ) -> None:
        self.snapshot, self.valid_until, self.wall_ahead = snapshot, valid_until, wall_ahead
        self._chunks = chunks
        self._plain: LRUCache[View, bytes] = LRUCache(MAX_VIEWS)
        self._compressed: LRUCache[View, GzipPrefix] = LRUCache(MAX_VIEWS)
        self._lock = threading.Lock()

    def is_valid(self, now: Moment) -> bool:
        return now.steady <= self.valid_until and now.wall_ahead == self.wall_ahead

    def prepare(self, view: View) -> None:
        """Make the text of a view ahead of the next scrape."""
        if view.zipped:
            self._gzip_prefix(view)
        else:
            self._text(view)

    def body(self, view: View, rest: bytes) -> bytes:
        """Return the text of a view, followed by `rest`."""
        return self._gzip_prefix(view).finish(rest) if view.zipped else self._text(view) + rest

    def _text(self, view: View) -> bytes:
        with self._lock:
            text = self._plain.get(view)
            if text is None:
                text = self._plain[view] = b"".join([chunk.text for chunk in self._of(view)])
            return text

    def _gzip_prefix(self, view: View) -> GzipPrefix:
        with self._lock:
            prefix = self._compressed.get(view)
            if prefix is None:
                prefix = self._compressed[view] = gzipped(self._of(view))
            return prefix

    def _of(self, view: View) -> list[Chunk]:
        return [chunk for group, chunk in self._chunks[view.form] if group in view.groups]


class Exposition:
    """The text of the latest snapshot. A scrape does not wait for a poll."""

    def __init__(
        self,
        snapshot: Snapshot,
        registries: Mapping[MetricGroup, CollectorRegistry],
        writer: Callable[[], ArchiveStatus],
        clocks: Clocks,
        only: Callable[[], CollectorRegistry | None] = lambda: None,
    ) -> None:
        """Start with a snapshot.

        Args:
            snapshot: What to serve until the first update.
            registries: The metrics that prometheus-client's instruments count, by their group.
            writer: Returns the state of the archive's writer.
            clocks: Our clock and the wall clock.
            only: Returns the registry of group `exporter` to expose instead of everything, or `None`.
        """
        self.registries = registries
        self.writer = writer
        self._clocks, self._only = clocks, only
        self._wall_ahead = clocks.wall_ahead
        self._sections = [SectionText(section) for section in SECTIONS]
        self._scraped: TTLCache[View, View] = TTLCache(MAX_VIEWS, VIEW_TTL_S, timer=clocks.steady)
        self._scraped_lock = threading.Lock()
        self._lock = threading.Lock()
        self._page = self._make_page(snapshot, self._now(), force=True)

    def update(self, snapshot: Snapshot) -> None:
        """Serve this snapshot from now on."""
        with self._lock:
            self._render(snapshot)

    def expose(
        self, accept: str, zipped: bool, groups: frozenset[MetricGroup] = ALL_GROUPS
    ) -> tuple[bytes, str]:
        """Return metrics in the best format that an `Accept` header allows.

        Args:
            accept: The request's `Accept` header.
            zipped: Whether to compress the body with gzip.
            groups: The groups of metrics to return.

        Returns:
            The body and its content type.
        """
        try:
            encode, content_type = choose_encoder(_WITHOUT_ESCAPES.sub("escaping=underscores", accept))
        except (TypeError, ValueError):  # the header contains an invalid version
            encode, content_type = choose_encoder("")
        form: Format = "openmetrics" if content_type.startswith("application/openmetrics-text") else "text"
        if (only := self._only()) is not None:
            text = encode(_chosen({"exporter": only}, groups))
            return (gzip.compress(text) if zipped else text), content_type
        page, now, view = self._page, self._now(), View(form, groups, zipped)
        with self._scraped_lock:
            self._scraped[view] = view
        if not page.is_valid(now):
            page = self._valid_page(now)
        counted = encode(_chosen(self.registries, groups))
        return page.body(view, self._time_dependent(page.snapshot, view, now.steady) + counted), content_type

    def _now(self) -> Moment:
        """Return the current time. The wall clock's lead changes in steps of at least `WALL_CLOCK_STEP_S`."""
        wall_ahead = self._clocks.wall_ahead
        if abs(wall_ahead - self._wall_ahead) >= WALL_CLOCK_STEP_S:
            self._wall_ahead = wall_ahead
        return Moment(self._clocks.steady(), self._wall_ahead)

    def _valid_page(self, now: Moment) -> _Page:
        with self._lock:
            if not self._page.is_valid(now):
                self._render(self._page.snapshot)
            return self._page

    def _render(self, snapshot: Snapshot) -> None:
        page, previous, now = self._page, self._page.snapshot.board, self._now()
        same = previous.known == snapshot.board.known and previous.settings is snapshot.board.settings
        page = self._make_page(snapshot, now, force=not same or now.wall_ahead != page.wall_ahead)
        with self._scraped_lock:
            views = list(self._scraped)
        for view in views:
            page.prepare(view)
        self._page = page

    def _make_page(self, snapshot: Snapshot, now: Moment, force: bool) -> _Page:
        valid_until = min([section.update(snapshot.board, now, force) for section in self._sections])
        chunks = {
            form: [chunk for section in self._sections for chunk in section.chunks(form)] for form in FORMATS
        }
        return _Page(snapshot, chunks, valid_until, now.wall_ahead)

    def _time_dependent(self, snapshot: Snapshot, view: View, now: float) -> bytes:
        samples = time_dependent_samples(snapshot, self.writer(), now, view.groups)
        exemplars = view.form == "openmetrics"
        lines: list[str] = []
        for family, of_family in samples.items():
            lines.append(header(family, view.form))
            lines += [time_dependent_lines(sample, exemplars) for sample in of_family]
        return "".join(lines).encode()


def _chosen(
    registries: Mapping[MetricGroup, CollectorRegistry], groups: frozenset[MetricGroup]
) -> CollectorRegistry:
    """Return a registry with the metrics of these groups."""
    chosen = CollectorRegistry()
    for group, registry in registries.items():
        if group in groups:
            chosen.register(registry)
    return chosen


_WITHOUT_ESCAPES = re.compile(r"escaping\s*=\s*(dots|values)\b")
"""Escaping schemes for names with special characters. Our names have none, so no scheme changes them."""
