"""Tests of coverage and rechecks, compared with sets of single seconds."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from exporter.account.coverage import RECHECK_AGES_S, Coverage, merge, subtract
from exporter.account.records import Checkpoint, TimeRange

NOW = 1_780_000_000
DAY = 86_400

spans = st.tuples(st.integers(0, 60), st.integers(0, 12)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def seconds(several: tuple[TimeRange, ...]) -> set[int]:
    return {second for first, last in several for second in range(first, last + 1)}


def in_order(several: tuple[TimeRange, ...]) -> bool:
    return all(a[1] + 1 < b[0] for a, b in pairwise(several))


@given(st.lists(spans).map(tuple), spans)
def test_merge_and_subtract_any_ranges_equal_sets_of_seconds(
    some: tuple[TimeRange, ...], wanted: TimeRange
) -> None:
    assert seconds(merge(some)) == seconds(some)
    assert in_order(merge(some))
    left = subtract(wanted, merge(some))
    assert seconds(left) == seconds((wanted,)) - seconds(some)
    assert in_order(left)


@given(st.lists(spans, min_size=1), st.integers(0, 60), spans, st.integers(0, 70))
def test_gaps_after_any_fetches_are_required_and_not_fetched(
    read: list[TimeRange], wanted_from: int, wish: TimeRange, before: int
) -> None:
    history = Coverage(requested=(wish,))
    history.require_since(wanted_from)
    for span in read:
        history.mark_fetched(*span)
    newest = max(seconds(history.fetched))
    assert seconds(history.gaps) == set(range(wanted_from, newest + 1)) - seconds(tuple(read))
    assert seconds(history.requested_gaps) == seconds((wish,)) - seconds(tuple(read))
    missing = history.gaps
    history.prune(before)
    assert history.gaps == missing
    wished = seconds((wish,)) - seconds(tuple(read))
    assert seconds(history.requested_gaps) == {second for second in wished if second >= before}


def test_requested_gaps_after_prune_exclude_earlier_ranges() -> None:
    history = Coverage(requested=((NOW - DAY, NOW - 3600),))
    history.require_since(NOW - DAY)
    history.mark_fetched(NOW - DAY, NOW)
    history.prune(NOW - DAY + 3600)
    assert (history.requested_gaps, history.seconds_missing) == ((), 0)


def test_gaps_after_restore_include_time_since_last_run() -> None:
    history = Coverage()
    history.mark_fetched(NOW - 900, NOW)
    progress = Checkpoint(covered=((NOW - DAY, NOW - 5000),), wanted_from=NOW - DAY)
    history.restore(progress, removed_to=NOW - 7200)
    assert history.gaps == ((NOW - 4999, NOW - 901),)
    assert history.seconds_missing == 4099
    assert history.complete_since == NOW - 900
    history.require_since(NOW - 2 * DAY)
    assert history.gaps[0] == (NOW - 2 * DAY, NOW - 7201)


def test_next_recheck_over_days_includes_a_call_once_at_every_age() -> None:
    history, read_at = Coverage(), []
    assert history.next_recheck(NOW, oldest=0) is None
    history.start_rechecks(NOW)
    for now in range(NOW, NOW + 6 * DAY, 60):
        while (due := history.next_recheck(now, oldest=0)) is not None:
            step, (first, last) = due
            if first <= NOW <= last:
                read_at.append(now - NOW)
            history.mark_rechecked(step, last)
    assert len(read_at) == len(RECHECK_AGES_S)
    assert all(age <= at <= 1.5 * age + 60 for age, at in zip(RECHECK_AGES_S, read_at, strict=True))


def test_next_recheck_after_long_downtime_includes_no_call_twice() -> None:
    history = Coverage(rechecked_until=tuple(NOW - age for age in RECHECK_AGES_S))
    swept = []
    while (due := history.next_recheck(NOW + 30 * DAY, oldest=NOW + 29 * DAY)) is not None:
        swept.append(due[1])
        history.mark_rechecked(due[0], due[1][1])
    assert sum(last - first + 1 for first, last in swept) == len(seconds(tuple(swept))) + len(swept) - 1
    assert min(first for first, _ in swept) >= NOW + 29 * DAY


def test_rollback_unsaved_range_is_not_covered_by_later_polls() -> None:
    history = Coverage()
    history.begin_poll(100)
    history.end_poll(40, 130)
    history.checkpoint = Checkpoint(covered=history.fetched)
    history.begin_poll(160)
    history.rollback()  # with a page of this poll
    history.end_poll(100, 190)
    assert history.fetched == ((40, 130),)
    history.begin_poll(180)
    history.end_poll(120, 260)
    assert history.fetched == ((40, 130), (180, 260))
    history.rollback()
    assert history.fetched == ((40, 130),)


@given(st.lists(spans, min_size=1), st.integers(0, 80), st.sets(st.integers(0, 80), max_size=5))
def test_cut_coverage_of_the_future_ends_at_the_newest_call(
    read: list[TimeRange], now: int, starts: set[int]
) -> None:
    history = Coverage()
    history.add_starts(starts)
    for span in read:
        history.mark_fetched(*span)
    before = seconds(history.fetched)
    history.cut(now)
    newest = max((start for start in starts if start <= now), default=0)
    last = newest if max(before) > now else max(before)
    assert seconds(history.fetched) == {second for second in before if second <= last}
    assert in_order(history.fetched)


def test_cut_clock_behind_many_calls_ends_coverage_at_the_clock() -> None:
    history = Coverage()
    history.add_starts(range(NOW, NOW + 10_000, 10))
    history.mark_fetched(NOW - DAY, NOW + 9000)
    history.cut(NOW - 100)
    assert history.fetched == ((NOW - DAY, NOW - 100),)


def test_cut_rechecks_of_the_future_are_repeated() -> None:
    history = Coverage()
    history.start_rechecks(NOW + DAY)
    history.cut(NOW)
    assert history.rechecked_until == tuple(NOW - age for age in RECHECK_AGES_S)


def test_requested_gaps_after_the_last_poll_are_empty() -> None:
    history = Coverage(requested=((NOW - DAY, NOW + DAY),))
    history.begin_poll(NOW - 3600)
    assert history.requested_gaps == ()
    history.end_poll(NOW - 3600, NOW)
    assert history.requested_gaps == ((NOW - DAY, NOW - 3601),)
