"""The company's rate limit per minute, announced or not."""

from email.utils import parsedate_to_datetime

import pytest

START = 1_780_000_020
LIMIT = "X-AircallApi-Limit"
REMAINING = "X-AircallApi-Remaining"
RESET = "X-AircallApi-Reset"


@pytest.fixture
def limited(aircall):
    aircall.rate_limit = 5
    return aircall


def test_more_than_the_limit_is_throttled_until_the_next_minute(limited, client, clock):
    answers = [client.get("/v1/ping") for _ in range(7)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
    assert [answer.headers[REMAINING] for answer in answers] == ["4", "3", "2", "1", "0", "0", "0"]
    assert {answer.headers[RESET] for answer in answers} == {str(START + 60)}
    assert {answer.headers[LIMIT] for answer in answers} == {"5"}
    assert "Retry-After" not in answers[-1].headers
    clock.now = START + 59.9
    assert client.get("/v1/ping").status_code == 429
    clock.now = START + 60
    assert client.get("/v1/ping").headers[REMAINING] == "4"


def test_reset_in_milliseconds(limited, client):
    limited.reset_unit = "milliseconds"
    assert client.get("/v1/ping").headers[RESET] == str((START + 60) * 1000)


def test_a_reset_that_is_wrong(limited, client):
    limited.reset_error = -3600
    assert client.get("/v1/ping").headers[RESET] == str(START + 60 - 3600)


def test_a_date_that_is_wrong(limited, client):
    limited.date_error = 600
    answer = client.get("/v1/ping")
    assert parsedate_to_datetime(answer.headers["Date"]).timestamp() == START + 600
    assert answer.headers[RESET] == str(START + 60)


@pytest.mark.parametrize(
    ("told", "expected"), [("always", [True, True]), ("on_429", [False, True]), ("never", [False, False])]
)
def test_when_the_headers_come(limited, client, told, expected):
    limited.limit_headers = told
    limited.spend(4)
    assert [LIMIT in client.get("/v1/ping").headers for _ in range(2)] == expected


def test_other_integrations_spend_from_the_same_limit(limited, client):
    limited.spend(4)
    assert client.get("/v1/ping").headers[REMAINING] == "0"
    assert client.get("/v1/ping").status_code == 429


def test_the_limit_can_be_raised(limited, client):
    limited.spend(5)
    limited.rate_limit = 120
    answer = client.get("/v1/ping")
    assert (answer.status_code, answer.headers[REMAINING]) == (200, "114")


def test_strangers_spend_nothing(limited, client):
    for _ in range(9):
        client.get("/v1/ping", auth=("demo", "guess"))
    assert client.get("/v1/ping").headers[REMAINING] == "4"


def test_windows_follow_aircalls_clock(limited, client):
    limited.clock_skew = 30
    assert client.get("/v1/ping").headers[RESET] == str(START + 60)
    limited.clock_skew = 90
    assert client.get("/v1/ping").headers[RESET] == str(START + 120)
