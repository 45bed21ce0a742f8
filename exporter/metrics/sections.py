"""List the families of `/metrics`, and how long their samples stay valid.

Each family belongs to one group: a section whose text changes only with a poll, or the time-dependent
families, whose text is made at each scrape.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from exporter.account.board import Board
from exporter.account.thresholds import next_change_at
from exporter.archive.status import ArchiveStatus
from exporter.clock import Moment
from exporter.metrics import archive, counters, exporter, info, numbers, queue, teams, users
from exporter.metrics.family import Family, Sample
from exporter.polling.status import Snapshot


def _never(*_: object) -> float:
    return math.inf


@dataclass(frozen=True)
class FamilyGroup:
    """Families whose samples are made row by row.

    `valid_until` returns when a row's samples next change without new data (seconds, our clock), for example
    when a user exceeds a threshold. Samples are also made again when the wall clock is set.
    """

    families: tuple[Family, ...]
    rows: Callable[[Board], tuple[Any, ...]]
    samples: Callable[[Any, Board, Moment], Iterator[Sample]]
    valid_until: Callable[[Any, Board, float], float] = _never


def _row_only(samples: Callable[[Any], Iterator[Sample]]) -> Callable[[Any, Board, Moment], Iterator[Sample]]:
    """Adapt `samples`, which needs only the row."""
    return lambda row, *_: samples(row)


SECTIONS = (
    FamilyGroup(
        (info.USER, info.USER_DISPLAY, info.USER_TEAM, info.USER_NUMBER, *users.PER_POLL),
        lambda board: board.users,
        lambda row, board, now: chain(info.user_samples(row), users.user_samples(row, board, now)),
        lambda row, board, now: next_change_at(row, board.settings.thresholds, now),
    ),
    FamilyGroup(
        teams.FAMILIES, lambda board: board.teams, lambda row, board, _: teams.team_samples(row, board)
    ),
    FamilyGroup(
        (info.NUMBER, *numbers.FAMILIES),
        lambda board: board.numbers,
        lambda row, board, _: chain(info.number_samples(row), numbers.number_samples(row, board)),
    ),
    FamilyGroup(counters.OF_USER, lambda board: board.counters.users, _row_only(counters.user_samples)),
    FamilyGroup(counters.OF_NUMBER, lambda board: board.counters.numbers, _row_only(counters.number_samples)),
    FamilyGroup(counters.OF_TEAM, lambda board: board.counters.teams, _row_only(counters.team_samples)),
)

TIME_DEPENDENT = (*users.TIME_DEPENDENT, *queue.FAMILIES, *archive.FAMILIES, *exporter.FAMILIES)
"""Families whose samples are made at each scrape: they are few, or change with the clock."""

FAMILIES = tuple(family for section in SECTIONS for family in section.families) + TIME_DEPENDENT


def time_dependent_samples(snapshot: Snapshot, writer: ArchiveStatus, now: float) -> Iterator[Sample]:
    """Yield the samples of `TIME_DEPENDENT` at `now` (seconds, our clock)."""
    yield from users.time_dependent_samples(snapshot.board, now)
    yield from queue.queue_samples(snapshot.board, now)
    yield from archive.writer_samples(writer, now)
    yield from archive.coverage_samples(snapshot.status)
    yield from exporter.settings_samples(snapshot.board.settings)
    yield from exporter.status_samples(snapshot.status, now)
    yield from exporter.omission_samples(snapshot.board)
