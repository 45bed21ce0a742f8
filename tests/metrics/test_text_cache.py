"""Test that cached text equals text that is formatted again, and that only what has changed is new."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.account.counter_totals import Histogram
from exporter.clock import Moment
from exporter.metrics import text_cache
from exporter.metrics.family import Family, Sample
from exporter.metrics.gzip_stream import Chunk
from exporter.metrics.sections import Section
from exporter.metrics.text_cache import FORMATS, Format, SectionText

AGE = Family("age", "gauge", "An age.", ("name",), group="queue")
WAIT = Family("wait", "histogram", "A wait.", ("name",), group="queue")


@dataclass(frozen=True, eq=False)
class Row:
    """A row whose age changes with the time, in steps of 10 seconds."""

    name: str
    waits: int


def samples(row: Row, _: object, now: Moment) -> Iterator[Sample]:
    yield AGE, (row.name,), now.steady // 10 * 10
    yield WAIT, (row.name,), Histogram({10.0: row.waits}, sum=row.waits)


SECTION = Section(
    (AGE, WAIT),
    lambda board: cast("Any", board),
    samples,
    lambda row, board, now: now // 10 * 10 + 9,
)
ROWS = [Row(name, waits) for name in "abc" for waits in (1, 2)]
Rows = list[Row]


@pytest.fixture(autouse=True, scope="module")
def small_blocks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_cache, "BLOCK", 2)
        yield


def updated(section: SectionText, rows: Rows, now: float, force: bool = False) -> SectionText:
    section.update(cast("Any", tuple(rows)), Moment(now, 0.0), force)
    return section


def chunks(section: SectionText, form: Format) -> list[Chunk]:
    return [chunk for _, chunk in section.chunks(form)]


def texts(section: SectionText) -> list[list[bytes]]:
    return [[chunk.text for chunk in chunks(section, form)] for form in FORMATS]


@given(st.lists(st.tuples(st.lists(st.sampled_from(ROWS), max_size=7), st.integers(0, 15), st.booleans())))
def test_section_after_any_updates_has_the_text_of_a_new_one(updates: list[tuple[Rows, int, bool]]) -> None:
    section, now = SectionText(SECTION), 0
    for rows, seconds, force in updates:
        now += seconds
        updated(section, rows, now, force)
        assert texts(section) == texts(updated(SectionText(SECTION), rows, now))


@pytest.mark.parametrize("force", [False, True])
def test_section_with_one_changed_row_has_new_chunks_of_its_changed_families_only(force: bool) -> None:
    section = updated(SectionText(SECTION), ROWS[:1] * 6, 0)
    before = chunks(section, "openmetrics")
    after = chunks(updated(section, [*ROWS[:1] * 5, ROWS[1]], 1, force), "openmetrics")
    assert [old is new for old, new in zip(before, after, strict=True)] == [True] * 7 + [False]
