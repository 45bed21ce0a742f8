"""Tests of when failed objects and ranges are requested again."""

from hypothesis import given
from hypothesis import strategies as st

from exporter.account.failing_objects import MAX_RETRY_S, MIN_RETRY_S, SetAside
from exporter.account.records import TimeRange

NOW = 1_780_000_000.0


def seconds(spans: tuple[TimeRange, ...]) -> set[int]:
    return {second for first, last in spans for second in range(first, last + 1)}


def test_failed_repeatedly_doubles_the_wait_up_to_an_hour() -> None:
    aside, now, waits = SetAside(), NOW, []
    aside.failed("call", 7, "answered 500", now)
    assert aside.requestable("call", [7], now) == [7]
    assert aside.counts["call"] == 0
    for _ in range(12):
        aside.failed("call", 7, "answered 500", now)
        due = next(at for at in range(int(now), int(now) + 4000, 10) if aside.requestable("call", [7], at))
        waits.append(due - now)
        now = float(due)
    assert aside.counts["call"] == 1
    assert waits[:5] == [MIN_RETRY_S, MIN_RETRY_S, 2 * MIN_RETRY_S, 4 * MIN_RETRY_S, 8 * MIN_RETRY_S]
    assert waits[-1] == MAX_RETRY_S


def test_worked_with_others_of_the_kind_makes_them_due_at_once() -> None:
    aside = SetAside()
    for id_ in (1, 2, 3):
        aside.failed("number", id_, "answered 500", NOW)
        aside.failed("number", id_, "answered 500", NOW)
    assert aside.due("number", NOW) == []
    aside.worked("number", 2)
    assert aside.due("number", NOW) == [1, 3]


def test_lists_failed_after_one_failure_forgets_it() -> None:
    aside = SetAside()
    aside.failed("call", 1, "answered 500", NOW)
    aside.lists_failed()
    aside.failed("call", 1, "answered 500", NOW)
    assert aside.counts["call"] == 0


def test_askable_failed_object_comes_last() -> None:
    aside = SetAside()
    aside.failed("call", 1, "no answer in time", NOW)
    assert aside.requestable("call", [1, 2, 3], NOW) == [2, 3, 1]


spans = st.tuples(st.integers(0, 60), st.integers(0, 15)).map(lambda pair: (pair[0], pair[0] + pair[1]))
steps = st.lists(st.tuples(st.booleans(), spans, st.floats(0, 5000)), max_size=20)


@given(steps, spans)
def test_open_ranges_after_any_steps_exclude_failing_ranges_until_a_retry(
    steps: list[tuple[bool, TimeRange, float]], whole: TimeRange
) -> None:
    aside, now, failing = SetAside(), NOW, set[int]()
    for failed, span, pause in steps:
        now += pause
        if failed:
            aside.range_failed(span, "answered 500", now)
            failing |= seconds((span,))
        else:
            aside.range_worked(span)
            failing -= seconds((span,))
    assert seconds(aside.without_ranges([whole])) == seconds((whole,)) - failing
    assert seconds(aside.open_ranges([whole], now)) >= seconds((whole,)) - failing
    assert seconds(aside.open_ranges([whole], now + MAX_RETRY_S)) == seconds((whole,)) | failing
