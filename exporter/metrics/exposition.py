"""What `/metrics` answers, with as little work at a scrape as there can be.

What changes with a poll only is made into text once, as soon as there is a snapshot: the rows that are new,
and compressed those families that came out otherwise than before. A scrape adds what moves with the
clock, and what the client library counts of itself.
"""

import gzip
import re
import threading
from collections.abc import Callable

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from exporter.archive.writer import ArchiveStatus
from exporter.clock import Clocks, Moment
from exporter.metrics.family import Family
from exporter.metrics.gzip_stream import Chunk, GzipPrefix, gzipped
from exporter.metrics.sections import SECTIONS, TIME_DEPENDENT, time_dependent_samples
from exporter.metrics.text import sample_lines
from exporter.metrics.text_cache import FORMATS, Format, SectionText, header
from exporter.status import Snapshot

FORMAT_TTL_S = 300.0
"""Seconds for which a format is made ahead for each snapshot after somebody asked for it."""

WALL_CLOCK_STEP = 0.5
"""Seconds by which the wall clock has to be set for all lines with UNIX times to be made again."""


class _Page:
    """A snapshot's text without what moves.

    It is true until a time (seconds, our clock), or until the wall clock has another lead than `wall_ahead`.
    """

    def __init__(
        self, snapshot: Snapshot, pieces: dict[Format, list[Chunk]], until: float, wall_ahead: float
    ) -> None:
        self.snapshot, self.until, self.wall_ahead = snapshot, until, wall_ahead
        self._pieces = pieces
        self._plain: dict[Format, bytes] = {}
        self._packed: dict[Format, GzipPrefix] = {}
        self._lock = threading.Lock()

    def plain(self, form: Format) -> bytes:
        with self._lock:
            if form not in self._plain:
                self._plain[form] = b"".join(piece.text for piece in self._pieces[form])
            return self._plain[form]

    def packed(self, form: Format) -> GzipPrefix:
        with self._lock:
            if form not in self._packed:
                self._packed[form] = gzipped(self._pieces[form])
            return self._packed[form]

    def is_true(self, now: Moment) -> bool:
        return now.steady <= self.until and now.wall_ahead == self.wall_ahead

    def make(self, form: Format, zipped: bool) -> object:
        """Have it ready."""
        return self.packed(form) if zipped else self.plain(form)


class Exposition:
    """The latest snapshot's text. A scrape waits for nobody, and nothing is made twice."""

    def __init__(
        self,
        snapshot: Snapshot,
        registry: CollectorRegistry,
        writer: Callable[[], ArchiveStatus],
        clocks: Clocks,
        only: Callable[[], CollectorRegistry | None] = lambda: None,
    ) -> None:
        """Begin with a snapshot. `registry` has what is counted by the client library's own instruments,
        `only` all that is to be exposed at present, where that is less than everything."""
        self.registry = registry
        self.writer = writer
        self._clocks, self._only = clocks, only
        self._wall_ahead = clocks.wall_ahead
        self._sections = [SectionText(section) for section in SECTIONS]
        self._asked: dict[tuple[Format, bool], float] = {}
        self._lock = threading.Lock()
        self._page = self._rendered(snapshot, self._now(), anew=True)

    def update(self, snapshot: Snapshot) -> None:
        """Serve this snapshot from now on."""
        with self._lock:
            self._render(snapshot)

    def expose(self, accept: str, zipped: bool) -> tuple[bytes, str]:
        """Everything in the best format that an `Accept` header allows, as gzip where it is to be `zipped`;
        gives body and content type."""
        try:
            encode, content_type = choose_encoder(_WITHOUT_ESCAPES.sub("escaping=underscores", accept))
        except (TypeError, ValueError):  # a version that is none
            encode, content_type = choose_encoder("")
        form: Format = "openmetrics" if content_type.startswith("application/openmetrics-text") else "text"
        if (only := self._only()) is not None:
            text = encode(only)
            return (gzip.compress(text) if zipped else text), content_type
        page, now = self._page, self._now()
        self._asked[form, zipped] = now.steady
        if not page.is_true(now):
            page = self._still_true(now)
        rest = self._moving(page.snapshot, form, now.steady) + encode(self.registry)
        if zipped:
            return page.packed(form).finish(rest), content_type
        return page.plain(form) + rest, content_type

    def _now(self) -> Moment:
        """Return the present moment, the wall clock's lead being the same until it has changed by a step."""
        wall_ahead = self._clocks.wall_ahead
        if abs(wall_ahead - self._wall_ahead) >= WALL_CLOCK_STEP:
            self._wall_ahead = wall_ahead
        return Moment(self._clocks.steady(), self._wall_ahead)

    def _still_true(self, now: Moment) -> _Page:
        with self._lock:
            if not self._page.is_true(now):
                self._render(self._page.snapshot)
            return self._page

    def _render(self, snapshot: Snapshot) -> None:
        page, before, now = self._page, self._page.snapshot.board, self._now()
        same = before.known == snapshot.board.known and before.settings is snapshot.board.settings
        page = self._rendered(snapshot, now, anew=not same or now.wall_ahead != page.wall_ahead)
        for (form, zipped), asked_at in tuple(self._asked.items()):
            if now.steady - asked_at <= FORMAT_TTL_S:
                page.make(form, zipped)
        self._page = page

    def _rendered(self, snapshot: Snapshot, now: Moment, anew: bool) -> _Page:
        until = min([section.renew(snapshot.board, now, anew) for section in self._sections])
        pieces = {
            form: [piece for section in self._sections for piece in section.pieces(form)] for form in FORMATS
        }
        return _Page(snapshot, pieces, until, now.wall_ahead)

    def _moving(self, snapshot: Snapshot, form: Format, now: float) -> bytes:
        lines: dict[Family, list[str]] = {family: [header(family, form)] for family in TIME_DEPENDENT}
        for sample in time_dependent_samples(snapshot, self.writer(), now):
            lines[sample[0]].append(sample_lines(sample, exemplars=form == "openmetrics"))
        return "".join(["".join(of_family) for of_family in lines.values()]).encode()


_WITHOUT_ESCAPES = re.compile(r"escaping\s*=\s*(dots|values)\b")
"""Ways to write names that are no plain words. Ours are, and are served as they are."""
