"""Test when the figures of the day are complete, and which calls are requested from the archive."""

from exporter.account.day_progress import DayProgress
from exporter.account.failing_objects import SetAside

MIDNIGHT = 1_780_000_000
HOUR = 3600
NOON = MIDNIGHT + 12 * HOUR


def complete_day() -> DayProgress:
    """Return a day whose calls until noon were loaded, and whose later ones were polled."""
    day = DayProgress()
    day.begin_at(MIDNIGHT)
    day.request_accepted(MIDNIGHT, ((MIDNIGHT - HOUR, NOON),))
    day.loaded(MIDNIGHT, NOON)
    day.mark_fetched(NOON - 900, NOON + 60)
    return day


def load(day: DayProgress, begin: int, until: int) -> None:
    day.request_accepted(begin, ((0, until),))
    day.loaded(begin, until)


def test_day_without_the_calls_of_the_archive_is_not_complete_although_it_was_fetched() -> None:
    day = DayProgress()
    day.begin_at(MIDNIGHT)
    day.mark_fetched(MIDNIGHT, NOON)
    assert not day.is_complete(SetAside())
    assert day.to_request == MIDNIGHT


def test_day_is_complete_once_no_range_is_missing() -> None:
    day = complete_day()
    assert day.is_complete(SetAside())
    assert day.to_request is None
    day.mark_fetched(NOON + HOUR, NOON + 2 * HOUR)
    assert not day.is_complete(SetAside())
    day.mark_fetched(NOON, NOON + HOUR)
    assert day.is_complete(SetAside())


def test_day_that_has_just_begun_is_complete() -> None:
    day = complete_day()
    assert not day.begin_at(NOON + 90)  # the last poll was before
    assert day.is_complete(SetAside())
    assert day.to_request is None


def test_day_that_begins_earlier_is_not_complete_until_its_calls_are_loaded() -> None:
    day = complete_day()
    assert day.begin_at(MIDNIGHT - HOUR)
    assert not day.is_complete(SetAside())
    assert day.to_request == MIDNIGHT - HOUR
    load(day, MIDNIGHT - HOUR, NOON)
    assert day.is_complete(SetAside())


def test_day_that_begins_later_and_earlier_again_is_loaded_again() -> None:
    day = complete_day()
    day.begin_at(NOON)
    day.begin_at(MIDNIGHT)
    assert not day.is_complete(SetAside())
    assert day.to_request == MIDNIGHT


def test_request_is_not_repeated_until_it_is_lost_or_the_day_begins_earlier() -> None:
    day = DayProgress()
    day.begin_at(MIDNIGHT)
    day.request_accepted(MIDNIGHT, ())
    assert day.to_request is None
    day.request_lost()
    assert day.to_request == MIDNIGHT
    day.request_accepted(MIDNIGHT, ())
    day.begin_at(MIDNIGHT - HOUR)
    assert day.to_request == MIDNIGHT - HOUR


def test_answer_to_an_earlier_request_does_not_complete_the_day() -> None:
    day = DayProgress()
    day.begin_at(NOON)
    day.request_accepted(NOON, ((0, NOON + 60),))
    day.begin_at(MIDNIGHT)
    day.request_accepted(MIDNIGHT, ((0, NOON + 60),))
    day.loaded(NOON, NOON + 60)
    assert not day.is_complete(SetAside())
    day.loaded(MIDNIGHT, NOON + 60)
    assert day.is_complete(SetAside())


def test_coverage_of_the_future_does_not_hide_the_day() -> None:
    day = DayProgress()
    day.begin_at(MIDNIGHT)
    day.request_accepted(MIDNIGHT, ((0, NOON), (NOON + HOUR, NOON + 2 * HOUR)))
    day.loaded(MIDNIGHT, NOON)
    assert day.is_complete(SetAside())


def test_day_with_too_many_calls_has_no_figures_and_the_next_one_is_loaded() -> None:
    day = complete_day()
    day.exceed()
    day.mark_fetched(MIDNIGHT, NOON + HOUR)
    assert not day.is_complete(SetAside())
    assert day.to_request is None
    tomorrow = MIDNIGHT + 24 * HOUR
    day.begin_at(tomorrow)
    assert day.to_request == tomorrow
    load(day, tomorrow, tomorrow + 60)
    assert day.is_complete(SetAside())
