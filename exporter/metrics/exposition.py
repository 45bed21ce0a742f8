"""Serve `/metrics` with as little work per scrape as possible.

Families that change only with a poll are formatted once for each snapshot. Unchanged rows keep their text,
and unchanged chunks stay compressed. A scrape adds the time-dependent families and prometheus-client's
registry.
"""

import gzip
import re
import threading
from collections.abc import Callable

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from exporter.archive.status import ArchiveStatus
from exporter.clock import Clocks, Moment
from exporter.metrics.family import Family
from exporter.metrics.gzip_stream import Chunk, GzipPrefix, gzipped
from exporter.metrics.sections import SECTIONS, TIME_DEPENDENT, time_dependent_samples
from exporter.metrics.text import sample_lines
from exporter.metrics.text_cache import FORMATS, Format, SectionText, header
from exporter.polling.status import Snapshot

FORMAT_TTL_S = 300.0
"""Seconds for which each snapshot is prepared in a format after the last scrape in that format."""

WALL_CLOCK_STEP_S = 0.5
"""Change of the wall clock, in seconds, from which all lines with UNIX times are made again."""


class _Page:
    """The text of a snapshot without the time-dependent families.

    Valid until `valid_until` (seconds, our clock), and as long as the wall clock's lead is `wall_ahead`.
    """

    def __init__(
        self, snapshot: Snapshot, chunks: dict[Format, list[Chunk]], valid_until: float, wall_ahead: float
    ) -> None:
        self.snapshot, self.valid_until, self.wall_ahead = snapshot, valid_until, wall_ahead
        self._chunks = chunks
        self._plain: dict[Format, bytes] = {}
        self._compressed: dict[Format, GzipPrefix] = {}
        self._lock = threading.Lock()

    def plain(self, form: Format) -> bytes:
        with self._lock:
            if form not in self._plain:
                self._plain[form] = b"".join(chunk.text for chunk in self._chunks[form])
            return self._plain[form]

    def compressed(self, form: Format) -> GzipPrefix:
        with self._lock:
            if form not in self._compressed:
                self._compressed[form] = gzipped(self._chunks[form])
            return self._compressed[form]

    def is_valid(self, now: Moment) -> bool:
        return now.steady <= self.valid_until and now.wall_ahead == self.wall_ahead

    def prepare(self, form: Format, zipped: bool) -> object:
        """Make the text ahead of the next scrape."""
        return self.compressed(form) if zipped else self.plain(form)


class Exposition:
    """The text of the latest snapshot. A scrape does not wait for a poll."""

    def __init__(
        self,
        snapshot: Snapshot,
        registry: CollectorRegistry,
        writer: Callable[[], ArchiveStatus],
        clocks: Clocks,
        only: Callable[[], CollectorRegistry | None] = lambda: None,
    ) -> None:
        """Start with a snapshot.

        Args:
            snapshot: What to serve until the first update.
            registry: The metrics that prometheus-client's instruments count.
            writer: Returns the state of the archive's writer.
            clocks: Our clock and the wall clock.
            only: Returns the registry to expose instead of everything, or `None`.
        """
        self.registry = registry
        self.writer = writer
        self._clocks, self._only = clocks, only
        self._wall_ahead = clocks.wall_ahead
        self._sections = [SectionText(section) for section in SECTIONS]
        self._scraped_at: dict[tuple[Format, bool], float] = {}
        self._lock = threading.Lock()
        self._page = self._make_page(snapshot, self._now(), force=True)

    def update(self, snapshot: Snapshot) -> None:
        """Serve this snapshot from now on."""
        with self._lock:
            self._render(snapshot)

    def expose(self, accept: str, zipped: bool) -> tuple[bytes, str]:
        """Return all metrics in the best format that an `Accept` header allows.

        Args:
            accept: The request's `Accept` header.
            zipped: Whether to compress the body with gzip.

        Returns:
            The body and its content type.
        """
        try:
            encode, content_type = choose_encoder(_WITHOUT_ESCAPES.sub("escaping=underscores", accept))
        except (TypeError, ValueError):  # the header contains an invalid version
            encode, content_type = choose_encoder("")
        form: Format = "openmetrics" if content_type.startswith("application/openmetrics-text") else "text"
        if (only := self._only()) is not None:
            text = encode(only)
            return (gzip.compress(text) if zipped else text), content_type
        page, now = self._page, self._now()
        self._scraped_at[form, zipped] = now.steady
        if not page.is_valid(now):
            page = self._valid_page(now)
        rest = self._time_dependent(page.snapshot, form, now.steady) + encode(self.registry)
        if zipped:
            return page.compressed(form).finish(rest), content_type
        return page.plain(form) + rest, content_type

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
        for (form, zipped), scraped_at in tuple(self._scraped_at.items()):
            if now.steady - scraped_at <= FORMAT_TTL_S:
                page.prepare(form, zipped)
        self._page = page

    def _make_page(self, snapshot: Snapshot, now: Moment, force: bool) -> _Page:
        valid_until = min([section.update(snapshot.board, now, force) for section in self._sections])
        chunks = {
            form: [chunk for section in self._sections for chunk in section.chunks(form)] for form in FORMATS
        }
        return _Page(snapshot, chunks, valid_until, now.wall_ahead)

    def _time_dependent(self, snapshot: Snapshot, form: Format, now: float) -> bytes:
        lines: dict[Family, list[str]] = {family: [header(family, form)] for family in TIME_DEPENDENT}
        for sample in time_dependent_samples(snapshot, self.writer(), now):
            lines[sample[0]].append(sample_lines(sample, exemplars=form == "openmetrics"))
        return "".join(["".join(of_family) for of_family in lines.values()]).encode()


_WITHOUT_ESCAPES = re.compile(r"escaping\s*=\s*(dots|values)\b")
"""Escaping schemes for names with special characters. Our names have none, so no scheme changes them."""
