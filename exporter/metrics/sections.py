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
from exporter.account.marks import next_mark
from exporter.archive.writer import ArchiveStatus
from exporter.clock import Moment
from exporter.metrics import archive, counters, itself, numbers, teams, users, who
from exporter.metrics.family import Family, Sample
from exporter.status import Snapshot


def _never(*_: object) -> float:
    return math.inf


@dataclass(frozen=True)
class Section:
    """Families that are made row by row.

    The `samples` of a row, made at a moment, are true `until` a time (seconds, our clock): a user exceeds a
    threshold then, for instance. They are also made again when the wall clock is set.
    """

    families: tuple[Family, ...]
    rows: Callable[[Board], tuple[Any, ...]]
    samples: Callable[[Any, Board, Moment], Iterator[Sample]]
    until: Callable[[Any, Board, float], float] = _never


def _alone(samples: Callable[[Any], Iterator[Sample]]) -> Callable[[Any, Board, Moment], Iterator[Sample]]:
    """Samples of a row that depend on nothing else."""
    return lambda row, *_: samples(row)


SECTIONS = (
    Section(
        (who.USER, who.USER_TEAM, who.USER_NUMBER, *users.POLLED),
        lambda board: board.users,
        lambda row, board, now: chain(who.of_user(row), users.of_user(row, board, now)),
        lambda row, board, now: next_mark(row, board.settings.thresholds, now),
    ),
    Section(teams.FAMILIES, lambda board: board.teams, lambda row, board, _: teams.of_team(row, board)),
    Section(
        (who.NUMBER, *numbers.POLLED),
        lambda board: board.numbers,
        lambda row, board, _: chain(who.of_number(row), numbers.of_number(row, board)),
    ),
    Section(counters.OF_USER, lambda board: board.counters.users, _alone(counters.of_user)),
    Section(counters.OF_NUMBER, lambda board: board.counters.numbers, _alone(counters.of_number)),
    Section(counters.OF_TEAM, lambda board: board.counters.teams, _alone(counters.of_team)),
)

MOVING = (*users.MOVING, *numbers.MOVING, *archive.FAMILIES, *itself.FAMILIES)
"""The families that are made at the scrape: few lines, or such as change with the clock."""

FAMILIES = tuple(family for section in SECTIONS for family in section.families) + MOVING


def moving(snapshot: Snapshot, writer: ArchiveStatus, now: float) -> Iterator[Sample]:
    """The samples of `MOVING` at `now` (seconds, our clock)."""
    yield from users.moving(snapshot.board, now)
    yield from numbers.moving(snapshot.board, now)
    yield from archive.of_writer(writer, now)
    yield from archive.of_past(snapshot.status)
    yield from itself.of_settings(snapshot.board.settings)
    yield from itself.of_status(snapshot.status, now)
    yield from itself.of_omissions(snapshot.board)
