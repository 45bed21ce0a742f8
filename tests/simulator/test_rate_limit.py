"""Tests of the rate limit of the simulated API, announced or not."""

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


def test_rate_limit_exceeded_throttles_until_the_next_minute(limited, client, clock):
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


def test_reset_unit_milliseconds_applies_to_the_header(limited, client):
    limited.reset_unit = "milliseconds"
    assert client.get("/v1/ping").headers[RESET] == str((START + 60) * 1000)


def test_reset_error_of_an_hour_moves_the_header(limited, client):
    limited.reset_error = -3600
    assert client.get("/v1/ping").headers[RESET] == str(START + 60 - 3600)


def test_date_error_of_minutes_moves_the_date_only(limited, client):
    limited.date_error = 600
    answer = client.get("/v1/ping")
    assert parsedate_to_datetime(answer.headers["Date"]).timestamp() == START + 600
    assert answer.headers[RESET] == str(START + 60)


@pytest.mark.parametrize(
    ("setting", "expected"), [("always", [True, True]), ("on_429", [False, True]), ("never", [False, False])]
)
def test_limit_headers_each_setting_selects_the_responses_with_them(limited, client, setting, expected):
    limited.limit_headers = setting
    limited.spend(4)
    assert [LIMIT in client.get("/v1/ping").headers for _ in range(2)] == expected


def test_rate_limit_spent_by_other_integrations_has_none_left(limited, client):
    limited.spend(4)
    assert client.get("/v1/ping").headers[REMAINING] == "0"
    assert client.get("/v1/ping").status_code == 429


def test_rate_limit_raised_applies_at_once(limited, client):
    limited.spend(5)
    limited.rate_limit = 120
    answer = client.get("/v1/ping")
    assert (answer.status_code, answer.headers[REMAINING]) == (200, "114")


def test_rate_limit_requests_with_a_wrong_credential_spend_nothing(limited, client):
    for _ in range(9):
        client.get("/v1/ping", auth=("demo", "guess"))
    assert client.get("/v1/ping").headers[REMAINING] == "4"


def test_rate_limit_clock_skew_moves_the_window(limited, client):
    limited.clock_skew = 30
    assert client.get("/v1/ping").headers[RESET] == str(START + 60)
    limited.clock_skew = 90
    assert client.get("/v1/ping").headers[RESET] == str(START + 120)
