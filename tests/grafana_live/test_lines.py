"""Test the lines of a push: texts with special characters, slots and totals."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.account.board import Board, WaitingCall
from exporter.account.directory import NamedRef
from exporter.clock import Moment
from exporter.grafana_live.lines import SLOTS, queue_lines, quoted
from exporter.polling.status import Snapshot
from harness.fake_grafana import Push, Row, parsed
from harness.simulated_time import Polled

NOW = 1_780_000_000.0


def board(world: Polled, *queue: WaitingCall) -> Board:
    return replace(world.poller.snapshot().board, queue=queue, server_ahead=0.0)


def pushed(world: Polled, *queue: WaitingCall, at: float = NOW, wall_ahead: float = 0.0) -> Push:
    """Return what is pushed of this queue."""
    snapshot = Snapshot(board(world, *queue), world.poller.snapshot().status)
    lines = queue_lines(snapshot, Moment(at, wall_ahead))
    return Push(0.0, parsed("\n".join(lines)), "")


def waiting(caller: str, seconds: int, number: str = "French Office") -> WaitingCall:
    return WaitingCall("1", NamedRef("7", number), caller, int(NOW) - seconds, 10, 20)


def test_queue_lines_of_an_empty_queue_have_all_slots_without_values(world: Polled) -> None:
    push = pushed(world)
    assert push.column("slot") == [1, 2, 3, 4, 5, 6, 7, 8]
    for field, empty in (("caller", ""), ("number", ""), ("wait", None), ("level", None)):
        assert push.column(field) == [empty] * SLOTS
    assert push.totals == {"waiting": 0, "longest_wait": 0, "level": 0, "up": 1}


def test_queue_lines_of_waiting_calls_begin_with_the_longest_wait(world: Polled) -> None:
    push = pushed(world, waiting("+33 1", 25), waiting("+33 2", 12), waiting("+33 3", 2, "Sales"))
    assert push.callers == ["+33 1", "+33 2", "+33 3"]
    assert push.column("wait")[:4] == [25, 12, 2, None]
    assert push.column("level")[:4] == [2, 1, 0, None]
    assert push.column("number")[:4] == ["French Office", "French Office", "Sales", ""]
    assert push.totals == {"waiting": 3, "longest_wait": 25, "level": 2, "up": 1}


def test_queue_lines_of_more_calls_than_slots_count_all_of_them(world: Polled) -> None:
    push = pushed(world, *(waiting(f"+33 {place}", 30 - place) for place in range(12)))
    assert push.callers == [f"+33 {place}" for place in range(SLOTS)]
    assert push.totals["waiting"] == 12


def test_queue_lines_have_the_wall_clocks_time_and_each_slot_its_own(world: Polled) -> None:
    push = pushed(world, wall_ahead=5.0)
    begin = round((NOW + 5) * 1000)
    assert [row.time for row in push.rows] == [*range(begin, begin + SLOTS), begin]


def test_queue_lines_of_a_call_that_starts_in_the_future_show_no_negative_wait(world: Polled) -> None:
    assert pushed(world, waiting("+33 1", -3)).column("wait")[0] == 0


def test_queue_lines_an_hour_after_the_last_poll_say_that_the_data_is_outdated(world: Polled) -> None:
    assert pushed(world, at=NOW + 3600).totals["up"] == 0


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+33 6 12, 34", "+33 6 12, 34"),
        ("slot=1 wait=2", "slot=1 wait=2"),
        ('the "VIP" hotline', 'the "VIP" hotline'),
        ("a\\", "a\\"),
        ('\\"', '\\"'),
        ("two\nlines\r\nand\ttabs\x00", "two lines and tabs "),
        ("Paris \u2028 Lyon", "Paris   Lyon"),
        ("مركز الاتصال", "مركز الاتصال"),
        ("\u200fמוקד\u200e", "\u200fמוקד\u200e"),
        ("Team 👩\u200d🚒", "Team 👩\u200d🚒"),
        ("NaN", "NaN "),
        ("", ""),
    ],
)
def test_text_with_special_characters_arrives_unchanged(world: Polled, text: str, shown: str) -> None:
    push = pushed(world, waiting(text, 3, text))
    assert push.column("caller")[0] == shown
    assert push.column("number")[0] == shown
    assert push.column("wait")[0] == 3


@given(st.text())
def test_any_text_stays_one_string_of_one_line(text: str) -> None:
    (row,) = parsed(f"queue caller={quoted(text)},wait=1 1780000000000000000")
    assert row == Row("queue", 1780000000000, {"caller": row.fields["caller"], "wait": 1})
    assert isinstance(row.fields["caller"], str)
    if text.isprintable() and text != "NaN":
        assert row.fields["caller"] == text
