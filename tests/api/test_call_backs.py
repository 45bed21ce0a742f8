"""Test `GET /api/v1/call-backs`: the same list as that of the command, and its errors."""

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import requests

from exporter.api.openapi import openapi
from exporter.archive.call_back_list import CallBackList
from exporter.archive.store import Archive
from tests.support.call_back_company import CALLER, Company, typical
from tests.support.search_ways import command, served


@pytest.fixture
def company(tmp_path: Path) -> Company:
    return typical(tmp_path)


@pytest.fixture
def address(company: Company) -> Iterator[str]:
    archive = Archive(company.url)
    archive.simulated = True  # its calls are served without a password
    with served(archive) as address:
        yield f"{address}/api/v1/call-backs"


def test_list_equals_that_of_the_command(company: Company, address: str) -> None:
    found = msgspec.json.decode(requests.get(address, timeout=30).content, type=CallBackList)
    printed = command(company.url, "--format=ndjson", "--utc", name="call-backs")
    rows = [json.loads(line) for line in printed.out.splitlines()]
    assert [each.call_id for each in found.call_backs] == [row["call_id"] for row in rows]
    assert (found.total, found.voicemails, found.anonymous) == (2, 1, 1)
    assert found.oldest_missed_at == company.now - 7000 + 45


def test_number_and_limit_restrict_the_list(address: str) -> None:
    found = requests.get(f"{address}?number=Support&number=6&limit=1", timeout=30).json()
    assert [each["caller"] for each in found["call_backs"]] == [CALLER]
    assert found["total"] == 2
    assert requests.get(f"{address}?team=Nobody", timeout=30).json()["total"] == 0


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("limit=0", 'limit: found "0", expected 1 to 1000'),
        ("limits=1", "limits: unknown parameter, did you mean limit?"),
        ("number=", 'number: found "", expected a text'),
        ("team=%00", 'team: found "\\u0000", expected a text without NUL'),
        ("from=1h", "from: unknown parameter; known are number, team, limit"),
    ],
)
def test_bad_parameter_is_named(address: str, query: str, problem: str) -> None:
    answer = requests.get(f"{address}?{query}", timeout=30)
    assert (answer.status_code, answer.json()["error"]) == (400, problem)


def test_description_has_the_list_and_its_parameters() -> None:
    described = openapi()["paths"]["/api/v1/call-backs"]["get"]
    assert [each["name"] for each in described["parameters"]] == ["number", "team", "limit"]


def test_unknown_name_has_the_hint_of_the_command(address: str) -> None:
    answer = requests.get(f"{address}?number=biling", timeout=30).json()
    assert answer["total"] == 0
    assert answer["hints"] == [
        {"parameter": "number", "text": 'the archive has no number "biling", did you mean "Billing"?'}
    ]
