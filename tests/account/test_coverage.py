"""Tests of coverage and rechecks, compared with sets of single seconds."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from exporter.account.coverage import RECHECK_AGES_S, Coverage, merge, subtract
from exporter.account.records import Checkpoint, TimeRange

NOW = 1_780_000_000
DAY = 86_400

spans = st.tuples(st.integers(0, 60), st.integers(0, 12)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def seconds(ranges: tuple[TimeRange, ...]) -> set[int]:
    return {second for first, last in ranges for second in range(first, last + 1)}


def in_order(ranges: tuple[TimeRange, ...]) -> bool:
    return all(a[1] + 1 < b[0] for a, b in pairwise(ranges))


@given(st.lists(spans).map(tuple), spans)
def test_merge_and_subtract_any_ranges_equal_sets_of_seconds(
    some: tuple[TimeRange, ...], span: TimeRange
) -> None:
    assert seconds(merge(some)) == seconds(some)
    assert in_order(merge(some))
    left = subtract(span, merge(some))
    assert seconds(left) == seconds((span,)) - seconds(some)
    assert in_order(left)


@given(st.lists(spans, min_size=1), st.integers(0, 60), spans, st.integers(0, 70))
def test_gaps_after_any_fetches_are_required_and_not_fetched(
    fetched: list[TimeRange], required_since: int, requested: TimeRange, before: int
) -> None:
    coverage = Coverage(requested=(requested,))
    coverage.require_since(required_since)
    for span in fetched:
        coverage.mark_fetched(*span)
    newest = max(seconds(coverage.fetched))
    assert seconds(coverage.gaps) == set(range(required_since, newest + 1)) - seconds(tuple(fetched))
    assert seconds(coverage.requested_gaps) == seconds((requested,)) - seconds(tuple(fetched))
    missing = coverage.gaps
    coverage.prune(before)
    assert coverage.gaps == missing
    requested_seconds = seconds((requested,)) - seconds(tuple(fetched))
    assert seconds(coverage.requested_gaps) == {second for second in requested_seconds if second >= before}


def test_requested_gaps_after_prune_exclude_earlier_ranges() -> None:
    coverage = Coverage(requested=((NOW - DAY, NOW - 3600),))
    coverage.require_since(NOW - DAY)
    coverage.mark_fetched(NOW - DAY, NOW)
    coverage.prune(NOW - DAY + 3600)
    assert (coverage.requested_gaps, coverage.seconds_missing) == ((), 0)


def test_gaps_after_restore_include_time_since_last_run() -> None:
    coverage = Coverage()
    coverage.mark_fetched(NOW - 900, NOW)
    progress = Checkpoint(covered=((NOW - DAY, NOW - 5000),), wanted_from=NOW - DAY)
    coverage.restore(progress, removed_to=NOW - 7200)
    assert coverage.gaps == ((NOW - 4999, NOW - 901),)
    assert coverage.seconds_missing == 4099
    assert coverage.complete_since == NOW - 900
    coverage.require_since(NOW - 2 * DAY)
    assert coverage.gaps[0] == (NOW - 2 * DAY, NOW - 7201)


def test_next_recheck_over_days_includes_a_call_once_at_every_age() -> None:
    coverage, rechecked_at = Coverage(), []
    assert coverage.next_recheck(NOW, oldest=0) is None
    coverage.start_rechecks(NOW)
    for now in range(NOW, NOW + 6 * DAY, 60):
        while (due := coverage.next_recheck(now, oldest=0)) is not None:
            step, (first, last) = due
            if first <= NOW <= last:
                rechecked_at.append(now - NOW)
            coverage.mark_rechecked(step, last)
    assert len(rechecked_at) == len(RECHECK_AGES_S)
    assert all(age <= at <= 1.5 * age + 60 for age, at in zip(RECHECK_AGES_S, rechecked_at, strict=True))


def test_next_recheck_after_long_downtime_includes_no_call_twice() -> None:
    coverage = Coverage(rechecked_until=tuple(NOW - age for age in RECHECK_AGES_S))
    rechecked = []
    while (due := coverage.next_recheck(NOW + 30 * DAY, oldest=NOW + 29 * DAY)) is not None:
        rechecked.append(due[1])
        coverage.mark_rechecked(due[0], due[1][1])
    assert (
        sum(last - first + 1 for first, last in rechecked)
        == len(seconds(tuple(rechecked))) + len(rechecked) - 1
    )
    assert min(first for first, _ in rechecked) >= NOW + 29 * DAY


def test_rollback_unsaved_range_is_not_covered_by_later_polls() -> None:
    coverage = Coverage()
    coverage.begin_poll(100)
    coverage.end_poll(40, 130)
    coverage.checkpoint = Checkpoint(covered=coverage.fetched)
    coverage.begin_poll(160)
    coverage.rollback()  # during this poll
    coverage.end_poll(100, 190)
    assert list(coverage.fetched) == [(40, 130)]
    coverage.begin_poll(180)
    coverage.end_poll(120, 260)
    assert list(coverage.fetched) == [(40, 130), (180, 260)]
    coverage.rollback()
    assert list(coverage.fetched) == [(40, 130)]


@given(st.lists(spans, min_size=1), st.integers(0, 80), st.sets(st.integers(0, 80), max_size=5))
def test_cut_coverage_of_the_future_ends_at_the_newest_call(
    fetched: list[TimeRange], now: int, starts: set[int]
) -> None:
    coverage = Coverage()
    coverage.add_starts(starts)
    for span in fetched:
        coverage.mark_fetched(*span)
    before = seconds(coverage.fetched)
    coverage.cut(now)
    newest = max((start for start in starts if start <= now), default=0)
    last = newest if max(before) > now else max(before)
    assert seconds(coverage.fetched) == {second for second in before if second <= last}
    assert in_order(coverage.fetched)


def test_cut_clock_behind_many_calls_ends_coverage_at_the_clock() -> None:
    coverage = Coverage()
    coverage.add_starts(range(NOW, NOW + 10_000, 10))
    coverage.mark_fetched(NOW - DAY, NOW + 9000)
    coverage.cut(NOW - 100)
    assert coverage.fetched == ((NOW - DAY, NOW - 100),)


def test_cut_rechecks_of_the_future_are_repeated() -> None:
    coverage = Coverage()
    coverage.start_rechecks(NOW + DAY)
    coverage.cut(NOW)
    assert coverage.rechecked_until == tuple(NOW - age for age in RECHECK_AGES_S)


def test_requested_gaps_after_the_last_poll_are_empty() -> None:
    coverage = Coverage(requested=((NOW - DAY, NOW + DAY),))
    coverage.begin_poll(NOW - 3600)
    assert not coverage.requested_gaps
    coverage.end_poll(NOW - 3600, NOW)
    assert list(coverage.requested_gaps) == [(NOW - DAY, NOW - 3601)]
