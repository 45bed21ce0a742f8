"""List the families of `/metrics`, and how long their samples stay valid.

Each family belongs to one section: its text changes only with a poll, or is made at each scrape.
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
from exporter.metrics import archive, call_backs, counters, exporter, info, numbers, queue, teams, users
from exporter.metrics.family import Family, Sample
from exporter.metrics.groups import ALL_GROUPS, MetricGroup
from exporter.polling.status import Snapshot


def _never(*_: object) -> float:
    return math.inf


@dataclass(frozen=True)
class Section:
    """Families whose samples are made row by row, and change only with a poll.

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
    Section(
        (info.USER, info.USER_DISPLAY, info.USER_TEAM, info.USER_NUMBER, *users.PER_POLL),
        lambda board: board.users,
        lambda row, board, now: chain(info.user_samples(row), users.user_samples(row, board, now)),
        lambda row, board, now: next_change_at(row, board.settings.thresholds, now),
    ),
    Section(teams.FAMILIES, lambda board: board.teams, lambda row, board, _: teams.team_samples(row, board)),
    Section(
        (info.NUMBER, *numbers.FAMILIES),
        lambda board: board.numbers,
        lambda row, board, _: chain(info.number_samples(row), numbers.number_samples(row, board)),
    ),
    Section(counters.OF_USER, lambda board: board.counters.users, _row_only(counters.user_samples)),
    Section(counters.OF_NUMBER, lambda board: board.counters.numbers, _row_only(counters.number_samples)),
    Section(counters.OF_TEAM, lambda board: board.counters.teams, _row_only(counters.team_samples)),
)


@dataclass(frozen=True)
class TimeDependentSection:
    """Families whose samples are made at each scrape: they are few, or change with the clock.

    `samples` returns them at a time (seconds, our clock).
    """

    families: tuple[Family, ...]
    samples: Callable[[Snapshot, ArchiveStatus, float], Iterator[Sample]]


TIME_DEPENDENT = (
    TimeDependentSection(
        users.TIME_DEPENDENT, lambda snapshot, _, now: users.time_dependent_samples(snapshot.board, now)
    ),
    TimeDependentSection(queue.FAMILIES, lambda snapshot, _, now: queue.queue_samples(snapshot.board, now)),
    TimeDependentSection(
        call_backs.FAMILIES,
        lambda snapshot, _, now: call_backs.call_back_samples(snapshot.board, now),
    ),
    TimeDependentSection(
        archive.FAMILIES,
        lambda snapshot, writer, now: chain(
            archive.writer_samples(writer, now), archive.coverage_samples(snapshot.status)
        ),
    ),
    TimeDependentSection(exporter.SETTINGS, lambda snapshot, *_: exporter.settings_samples(snapshot.board)),
    TimeDependentSection(
        exporter.HEALTH,
        lambda snapshot, _, now: chain(
            exporter.status_samples(snapshot.status, now), exporter.omission_samples(snapshot.board)
        ),
    ),
)

FAMILIES = tuple(family for section in (*SECTIONS, *TIME_DEPENDENT) for family in section.families)


def time_dependent_samples(
    snapshot: Snapshot, writer: ArchiveStatus, now: float, groups: frozenset[MetricGroup] = ALL_GROUPS
) -> dict[Family, list[Sample]]:
    """Return the samples of the time-dependent families in `groups`, at `now` (seconds, our clock)."""
    samples: dict[Family, list[Sample]] = {}
    for section in TIME_DEPENDENT:
        chosen = [family for family in section.families if family.group in groups]
        if chosen:
            samples |= {family: [] for family in chosen}
            for sample in section.samples(snapshot, writer, now):
                if sample[0] in samples:
                    samples[sample[0]].append(sample)
    return samples
