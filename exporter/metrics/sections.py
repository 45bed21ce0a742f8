"""What `/metrics` says of a snapshot, and how long that stays true.

A family is whole in one place: it belongs to a section, which changes with a poll only, or to those that
move with the clock.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from exporter.account.board import Board
from exporter.account.thresholds import next_change_at
from exporter.archive.writer import ArchiveStatus
from exporter.clock import Moment
from exporter.metrics import archive, counters, exporter, info, numbers, teams, users
from exporter.metrics.family import Family, Sample
from exporter.status import Snapshot


def _never(*_: object) -> float:
    return math.inf


@dataclass(frozen=True)
class FamilyGroup:
    """Families that are made row by row.

    The `samples` of a row, made at a moment, are true `until` a time (seconds, our clock): a user exceeds a
    threshold then, for instance. They are also made again when the wall clock is set.
    """

    families: tuple[Family, ...]
    rows: Callable[[Board], tuple[Any, ...]]
    samples: Callable[[Any, Board, Moment], Iterator[Sample]]
    valid_until: Callable[[Any, Board, float], float] = _never


def _alone(samples: Callable[[Any], Iterator[Sample]]) -> Callable[[Any, Board, Moment], Iterator[Sample]]:
    """Samples of a row that depend on nothing else."""
    return lambda row, *_: samples(row)


SECTIONS = (
    FamilyGroup(
        (info.USER, info.USER_TEAM, info.USER_NUMBER, *users.PER_POLL),
        lambda board: board.users,
        lambda row, board, now: chain(info.user_samples(row), users.user_samples(row, board, now)),
        lambda row, board, now: next_change_at(row, board.settings.thresholds, now),
    ),
    FamilyGroup(
        teams.FAMILIES, lambda board: board.teams, lambda row, board, _: teams.team_samples(row, board)
    ),
    FamilyGroup(
        (info.NUMBER, *numbers.PER_POLL),
        lambda board: board.numbers,
        lambda row, board, _: chain(info.number_samples(row), numbers.number_samples(row, board)),
    ),
    FamilyGroup(counters.OF_USER, lambda board: board.counters.users, _alone(counters.user_samples)),
    FamilyGroup(counters.OF_NUMBER, lambda board: board.counters.numbers, _alone(counters.number_samples)),
    FamilyGroup(counters.OF_TEAM, lambda board: board.counters.teams, _alone(counters.team_samples)),
)

TIME_DEPENDENT = (*users.TIME_DEPENDENT, *numbers.TIME_DEPENDENT, *archive.FAMILIES, *exporter.FAMILIES)
"""The families that are made at the scrape: few lines, or such as change with the clock."""

FAMILIES = tuple(family for section in SECTIONS for family in section.families) + TIME_DEPENDENT


def time_dependent_samples(snapshot: Snapshot, writer: ArchiveStatus, now: float) -> Iterator[Sample]:
    """The samples of `MOVING` at `now` (seconds, our clock)."""
    yield from users.time_dependent_samples(snapshot.board, now)
    yield from numbers.time_dependent_samples(snapshot.board, now)
    yield from archive.writer_samples(writer, now)
    yield from archive.coverage_samples(snapshot.status)
    yield from exporter.settings_samples(snapshot.board.settings)
    yield from exporter.status_samples(snapshot.status, now)
    yield from exporter.omission_samples(snapshot.board)
