"""Which of the past is read, and when it is read again, held against sets of single seconds."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from exporter.account.history import AGES, History, joined, without
from exporter.archive.records import Progress, Span

NOW = 1_780_000_000
DAY = 86_400

spans = st.tuples(st.integers(0, 60), st.integers(0, 12)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def seconds(several: tuple[Span, ...]) -> set[int]:
    return {second for first, last in several for second in range(first, last + 1)}


def in_order(several: tuple[Span, ...]) -> bool:
    return all(a[1] + 1 < b[0] for a, b in pairwise(several))


@given(st.lists(spans).map(tuple), spans)
def test_spans_are_sets_of_seconds(some: tuple[Span, ...], wanted: Span) -> None:
    assert seconds(joined(some)) == seconds(some)
    assert in_order(joined(some))
    left = without(wanted, joined(some))
    assert seconds(left) == seconds((wanted,)) - seconds(some)
    assert in_order(left)


@given(st.lists(spans, min_size=1), st.integers(0, 60), spans, st.integers(0, 70))
def test_what_is_missing_is_what_is_wanted_and_was_not_read(
    read: list[Span], wanted_from: int, wish: Span, before: int
) -> None:
    history = History(wishes=(wish,))
    history.want(wanted_from)
    for span in read:
        history.read(*span)
    newest = max(seconds(history.covered))
    assert seconds(history.missing) == set(range(wanted_from, newest + 1)) - seconds(tuple(read))
    assert seconds(history.wished) == seconds((wish,)) - seconds(tuple(read))
    missing = history.missing
    history.forget(before)
    assert history.missing == missing
    wished = seconds((wish,)) - seconds(tuple(read))
    assert seconds(history.wished) == {second for second in wished if second >= before}


def test_what_is_kept_no_longer_is_wished_for_no_more() -> None:
    history = History(wishes=((NOW - DAY, NOW - 3600),))
    history.want(NOW - DAY)
    history.read(NOW - DAY, NOW)
    history.forget(NOW - DAY + 3600)
    assert (history.wished, history.seconds_missing) == ((), 0)


def test_what_went_by_since_the_last_run_is_missing() -> None:
    history = History()
    history.read(NOW - 900, NOW)
    progress = Progress(0.0, covered=((NOW - DAY, NOW - 5000),), wanted_from=NOW - DAY)
    history.restore(progress, removed_to=NOW - 7200)
    assert history.missing == ((NOW - 4999, NOW - 901),)
    assert history.seconds_missing == 4099
    assert history.complete_from == NOW - 900
    history.want(NOW - 2 * DAY)
    assert history.missing[0] == (NOW - 2 * DAY, NOW - 7201)


def test_a_call_is_read_again_at_every_age_and_ever_more_seldom() -> None:
    history, read_at = History(), []
    assert history.edits(NOW, oldest=0) is None
    history.sweep(NOW)
    for now in range(NOW, NOW + 6 * DAY, 60):
        while (due := history.edits(now, oldest=0)) is not None:
            step, (first, last) = due
            if first <= NOW <= last:
                read_at.append(now - NOW)
            history.edits_read(step, last)
    assert len(read_at) == len(AGES)
    assert all(age <= at <= 1.5 * age + 60 for age, at in zip(AGES, read_at, strict=True))


def test_after_a_long_absence_nothing_is_read_again_twice() -> None:
    history = History(swept=tuple(NOW - age for age in AGES))
    swept = []
    while (due := history.edits(NOW + 30 * DAY, oldest=NOW + 29 * DAY)) is not None:
        swept.append(due[1])
        history.edits_read(due[0], due[1][1])
    assert sum(last - first + 1 for first, last in swept) == len(seconds(tuple(swept))) + len(swept) - 1
    assert min(first for first, _ in swept) >= NOW + 29 * DAY


def test_what_was_read_and_not_kept_is_claimed_by_no_later_poll() -> None:
    history = History()
    history.poll(100)
    history.polled(40, 130)
    history.kept = Progress(covered=history.covered)
    history.poll(160)
    history.go_back()  # with a page of this poll
    history.polled(100, 190)
    assert history.covered == ((40, 130),)
    history.poll(180)
    history.polled(120, 260)
    assert history.covered == ((40, 130), (180, 260))
    history.go_back()
    assert history.covered == ((40, 130),)


@given(st.lists(spans, min_size=1), st.integers(0, 80), st.sets(st.integers(0, 80), max_size=5))
def test_cut_coverage_of_the_future_is_withdrawn_up_to_the_newest_call(
    read: list[Span], now: int, starts: set[int]
) -> None:
    history = History()
    history.saw(starts)
    for span in read:
        history.read(*span)
    before = seconds(history.covered)
    history.cut(now)
    newest = max((start for start in starts if start <= now), default=0)
    last = newest if max(before) > now else max(before)
    assert seconds(history.covered) == {second for second in before if second <= last}
    assert in_order(history.covered)


def test_cut_clock_is_behind_all_of_many_calls_withdraws_what_is_later() -> None:
    history = History()
    history.saw(range(NOW, NOW + 10_000, 10))
    history.read(NOW - DAY, NOW + 9000)
    history.cut(NOW - 100)
    assert history.covered == ((NOW - DAY, NOW - 100),)


def test_cut_late_edits_of_the_future_are_looked_for_again() -> None:
    history = History()
    history.sweep(NOW + DAY)
    history.cut(NOW)
    assert history.swept == tuple(NOW - age for age in AGES)


def test_wished_time_after_the_last_poll_is_left_to_the_polls() -> None:
    history = History(wishes=((NOW - DAY, NOW + DAY),))
    history.poll(NOW - 3600)
    assert history.wished == ()
    history.polled(NOW - 3600, NOW)
    assert history.wished == ((NOW - DAY, NOW - 3601),)
