"""Test when the queue is pushed."""

import math
from dataclasses import replace

import pytest

from exporter.account.board import Board, WaitingCall
from exporter.account.directory import NamedRef
from exporter.grafana_live.schedule import HEARTBEAT_S, Pushed, next_push_at, retry_delay
from harness.simulated_time import Polled


def board(world: Polled, *calls: str, ahead: float = 0.0) -> Board:
    queue = tuple(WaitingCall(each, NamedRef("", ""), "", 0, 10, 20) for each in calls)
    return replace(world.poller.snapshot().board, queue=queue, server_ahead=ahead)


def test_queue_that_is_unknown_is_not_pushed(world: Polled) -> None:
    unknown = replace(board(world), known=frozenset())
    assert next_push_at(unknown, None) == math.inf


def test_first_push_is_due_at_once(world: Polled) -> None:
    assert next_push_at(board(world), None) < 0


@pytest.mark.parametrize(
    ("before", "after"), [((), ("1",)), (("1",), ()), (("1",), ("1", "2")), (("1", "2"), ("1", "3"))]
)
def test_changed_queue_is_due_at_once(world: Polled, before: tuple[str, ...], after: tuple[str, ...]) -> None:
    assert next_push_at(board(world, *after), Pushed(before, 100.3)) == pytest.approx(100.4)


def test_empty_queue_is_repeated_as_a_heartbeat(world: Polled) -> None:
    assert next_push_at(board(world), Pushed((), 100.3)) == 100.3 + HEARTBEAT_S


@pytest.mark.parametrize(
    ("at", "ahead", "due"), [(100.3, 0.0, 101.0), (100.3, 0.25, 100.75), (101.0, 0.0, 102.0)]
)
def test_waiting_call_is_pushed_when_aircalls_clock_reaches_the_next_second(
    world: Polled, at: float, ahead: float, due: float
) -> None:
    assert next_push_at(board(world, "1", ahead=ahead), Pushed(("1",), at)) == pytest.approx(due)


def test_push_just_before_a_second_is_followed_a_moment_later(world: Polled) -> None:
    assert next_push_at(board(world, "1"), Pushed(("1",), 100.99)) == pytest.approx(101.09)


def test_retry_delay_doubles_up_to_half_a_minute() -> None:
    assert [retry_delay(failures) for failures in (1, 2, 3, 4, 5, 6, 7, 5000)] == [1, 2, 4, 8, 16, 30, 30, 30]
