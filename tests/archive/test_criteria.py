"""Test odd values of search criteria, by the library, the command and the API, on each database."""

import json
import re
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.archive.criteria import PARAMETERS, Criteria, CriterionError
from exporter.archive.search import totals
from exporter.web.http_parser import MAX_HEADER_BYTES
from tests.support.filled_archive import PERIOD, SINCE, UNTIL, Kept
from tests.support.search_ways import ask, command, flags, only_explanations, served

TEXTS = [parameter for parameter in PARAMETERS if parameter.kind == "text"]
ODD_TEXTS = [
    "'",
    '"',
    "`",
    ";",
    "--",
    "%",
    "_",
    "\\",
    "/",
    "/%",
    "%%",
    "%s",
    "%(started_at)s",
    ":id",
    "{}",
    "$1",
    "'; DROP TABLE calls; --",
    "x' OR '1'='1",
    "1) OR (1=1",
    "' UNION SELECT value FROM state --",
    "../../../../etc/passwd",
    "..\\..\\",
    "\x00",
    "a\x00b",
    "\x1b[31m",
    "\r\nX-Header: 1",
    "\x7f\x80\x9f",
    "\u202e",
    "\ufeff",
    "\ud800",
    "a\udfffb",
    "\U0010ffff",
    "ñ" * 1000,
    "a" * 1001,
    "x" * 100_000,
    "%" * 100_000,
    "null",
    "NaN",
    "9223372036854775807",
    "9223372036854775808",
    "99999999999999999999999999",
    "-1",
    "1e3",
    "0x10",
    "٣",
    " ",
    "\t\n",
    "--tag",
    "@file",
]
"""Texts of attackers, of faulty programs, and of callers with unusual names."""

ODD_TIMES = [
    "nan",
    "inf",
    "-inf",
    "-1",
    "1e999",
    "99999999999",
    "999999999999",
    "9" * 400,
    "0.0000001",
    "999999999999y",
    "-5m",
    "0001-01-01",
    "9999-12-31T23:59:59-14:00",
    "9999-12-31T23:59:59+14:00",
    "2026-05-28T20:26:40+99:99",
    "2026-05-28T25:00",
    "٢٠٢٦-٠٥-٢٨",
    *ODD_TEXTS,
]
Way = Callable[[Kept, str, str], set[int] | None]


@pytest.fixture(scope="module")
def archived(kept_archive: Kept) -> Iterator[Kept]:
    with served(kept_archive.archive) as address:
        kept_archive.address = address
        yield kept_archive


def by_text(field: str, value: str) -> Criteria:
    """Return criteria with one text."""
    texts: dict[str, Any] = {field: (value,)}
    return Criteria(SINCE, UNTIL, **texts)


def by_the_library(archived: Kept, name: str, value: str) -> set[int] | None:
    """Return the ids of the calls that are found, or None if the criterion is rejected."""
    fields = {parameter.name: parameter.field for parameter in PARAMETERS}
    try:
        criteria = by_text(fields[name], value)
    except CriterionError as error:
        assert (error.parameter, str(error).count("\n")) == (name, 0)
        return None
    return {call.id for call in archived.archive.search(criteria)}


def by_the_command(archived: Kept, name: str, value: str) -> set[int] | None:
    printed = command(archived.url, *flags(_texts(name, value)), "--utc", "--format=ndjson")
    if printed.code == 2:
        assert (printed.out, printed.err.count("\n")) == ("", 1)
        assert re.search(rf"--({name.replace('_', '-')}|to)\b", printed.err)
        return None
    assert only_explanations(printed.err)
    return {json.loads(line)["id"] for line in printed.out.splitlines()}


def over_http(archived: Kept, name: str, value: str) -> set[int] | None:
    answer = ask(archived.address, [*_texts(name, value), ("limit", "1000")])
    too_large = len(answer.request.path_url) > MAX_HEADER_BYTES - 1000  # the head has other headers too
    assert (answer.status_code == 431) == too_large
    if too_large:
        return None
    if answer.status_code == 400:
        assert re.match(f"({name}|to): .*$", answer.json()["error"])
        return None
    assert answer.status_code == 200
    return {call["id"] for call in answer.json()["calls"]}


def _texts(name: str, value: str) -> list[tuple[str, str]]:
    """Return a query for the period with one more parameter."""
    return [*((n, str(at)) for n, at in (("from", SINCE), ("to", UNTIL)) if n != name), (name, value)]


OTHER_WAYS: tuple[Way, ...] = (by_the_command, over_http)
"""The ways that parse texts themselves, and then search as the library does."""

on_one_database = pytest.mark.parametrize("kept_archive", ["sqlite"], indirect=True)
every_text = pytest.mark.parametrize("name", [parameter.name for parameter in TEXTS])


def check(archived: Kept, way: Way, name: str, value: str) -> None:
    """Check that a text is rejected, or finds the calls that contain it literally."""
    field = next(parameter.field for parameter in TEXTS if parameter.name == name)
    ids = way(archived, name, value)
    if ids is None:
        with pytest.raises(CriterionError):
            by_text(field, value)
    elif value.isprintable() or way is not over_http:
        expected = archived.matching(by_text(field, value))
        assert ids == {call.id for call in expected}, value


def is_unchanged(archived: Kept) -> bool:
    """Return whether the archive still has all calls."""
    with archived.archive.searching() as connection:
        return totals(connection, PERIOD) == archived.totals(PERIOD)


@every_text
def test_search_for_odd_texts_is_rejected_or_matches_them_literally(archived: Kept, name: str) -> None:
    for value in ODD_TEXTS:
        check(archived, by_the_library, name, value)
    assert is_unchanged(archived)


@on_one_database
@pytest.mark.parametrize("way", OTHER_WAYS)
@every_text
def test_command_and_api_for_odd_texts_reject_them_or_match_them_literally(
    archived: Kept, way: Way, name: str
) -> None:
    for value in ODD_TEXTS:
        check(archived, way, name, value)


any_text = given(
    name=st.sampled_from([parameter.name for parameter in TEXTS]),
    value=st.text(st.characters(codec=None, exclude_categories=()), max_size=30),
)
few_examples = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@few_examples
@any_text
def test_search_for_any_text_is_rejected_or_matches_it_literally(
    archived: Kept, name: str, value: str
) -> None:
    check(archived, by_the_library, name, value)


@on_one_database
@pytest.mark.parametrize("way", OTHER_WAYS)
@few_examples
@any_text
def test_command_and_api_for_any_text_reject_it_or_match_it_literally(
    archived: Kept, way: Way, name: str, value: str
) -> None:
    check(archived, way, name, value)


@pytest.mark.parametrize("way", OTHER_WAYS)
@pytest.mark.parametrize("name", [parameter.name for parameter in PARAMETERS if parameter.kind != "text"])
def test_search_with_odd_times_and_choices_is_rejected_or_changes_nothing(
    archived: Kept, way: Way, name: str
) -> None:
    for value in ODD_TIMES:
        ids = way(archived, name, value)
        assert ids is None or ids <= {call.id for call in archived.archive.search(Criteria(0, UNTIL))}
    assert is_unchanged(archived)


@pytest.mark.parametrize(
    "odd",
    [
        {"since": float("nan")},
        {"since": float("inf")},
        {"since": -1},
        {"since": 2**63},
        {"since": UNTIL + 1},
        {"until": 10**30},
        {"since": "now"},
        {"longer_than": -1},
        {"longer_than": 2**64},
        {"shorter_than": float("nan")},
        {"missed": "yes"},
        {"directions": ("up",)},
        {"assets": ("calls",)},
        {"users": (7,)},
        {"tags": ("a",) * 501},
    ],
    ids=str,
)
def test_criteria_with_an_invalid_value_are_rejected(odd: dict[str, Any]) -> None:
    with pytest.raises(CriterionError):
        Criteria(**{"since": SINCE, "until": UNTIL, **odd})


@pytest.mark.parametrize("name", ["limit", "cursor", "x" * 500, "\x00", "' OR 1=1 --", "from\n"])
def test_calls_endpoint_with_odd_paging_or_parameter_names_returns_400(archived: Kept, name: str) -> None:
    for value in [text for text in ODD_TIMES if len(text) < 10_000]:
        answer = ask(archived.address, [("from", "1h"), (name, value)])
        assert (answer.status_code, answer.json().keys()) == (400, {"error"})
        assert "\n" not in answer.json()["error"]


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.from_regex(r"[A-Za-z0-9_-]{0,80}", fullmatch=True))
def test_calls_endpoint_with_any_cursor_returns_200_or_400(archived: Kept, cursor: str) -> None:
    assert ask(archived.address, [("from", "1h"), ("cursor", cursor)]).status_code in (200, 400)


@pytest.mark.parametrize("path", ["calls/../../-/reload", "calls%2f..%2f..%2fetc%2fpasswd", "calls;x", "%00"])
def test_calls_endpoint_with_an_odd_path_returns_404(archived: Kept, path: str) -> None:
    address = archived.address.removeprefix("http://")
    connection = HTTPConnection(address, timeout=10)
    connection.request("GET", f"/api/v1/{path}")
    assert connection.getresponse().status == 404
