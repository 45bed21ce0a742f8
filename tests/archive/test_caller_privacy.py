"""Test the privacy of masked and hidden callers, and searches by their numbers."""

import json
from collections.abc import Callable

import pytest

from tests.support.archive_contents import digits, rows, tables, views
from tests.support.archive_with_visibility import SINCE, UNTIL, ArchiveWithVisibility
from tests.support.search_ways import ask, command, served


@pytest.fixture(scope="module", params=["masked", "hidden"])
def protected(
    request: pytest.FixtureRequest,
    new_shared_database: Callable[[], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> ArchiveWithVisibility:
    """Return an archive that all tests of this file read."""
    return ArchiveWithVisibility(new_shared_database(), tmp_path_factory.mktemp("key"), request.param)


def test_search_by_a_whole_number_in_any_notation_finds_its_calls(protected: ArchiveWithVisibility) -> None:
    numbers = {call.raw_digits for call in protected.calls} - {"anonymous"}
    assert len(numbers) > 50
    for number in numbers:
        expected = {call.id for call in protected.calls if call.raw_digits == number}
        assert (
            protected.search(number)
            == protected.search(digits(number))
            == protected.search(f"({number})")
            == expected
        )


def test_search_by_part_of_a_number_matches_visible_digits_only(protected: ArchiveWithVisibility) -> None:
    number = next(call.raw_digits for call in protected.calls if call.raw_digits != "anonymous")
    assert protected.search(digits(number)[:-1]) == set()
    same_end = {c.id for c in protected.calls if digits(c.raw_digits)[-3:] == digits(number)[-3:]}
    assert protected.search(digits(number)[-3:]) == (same_end if protected.visibility == "masked" else set())


def test_archive_of_masked_or_hidden_callers_contains_no_number_or_key(
    protected: ArchiveWithVisibility,
) -> None:
    content = str(tables(protected.database)) + str(views(protected.database))
    for call in protected.calls:
        if call.raw_digits != "anonymous":
            assert call.raw_digits not in content
            assert digits(call.raw_digits) not in content
    assert protected.key_file.path.read_text().strip() not in content


def test_views_of_masked_or_hidden_callers_contain_no_hash(protected: ArchiveWithVisibility) -> None:
    content = str(views(protected.database))
    hashes = {row.caller_hash for row in rows(protected.database)} - {None}
    assert hashes
    assert not [each for each in hashes if each in content]


def test_calls_command_and_api_by_a_whole_number_find_its_calls(
    protected: ArchiveWithVisibility,
) -> None:
    number = next(call.raw_digits for call in protected.calls if call.raw_digits != "anonymous")
    expected = protected.search(number)
    arguments = ["--from", str(SINCE), "--to", str(UNTIL), "--caller", number]
    printed = command(
        protected.database, *arguments, "--format=ndjson", storage=protected.key_file.path.parent
    )
    assert {json.loads(line)["id"] for line in printed.out.splitlines()} == expected
    with served(protected.archive) as address:
        query = [("from", str(SINCE)), ("to", str(UNTIL)), ("caller", number)]
        assert {call["id"] for call in ask(address, query).json()["calls"]} == expected
