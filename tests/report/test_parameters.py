"""Test how the parameters of a report are parsed."""

from datetime import UTC, datetime, timedelta

import pytest

from exporter.archive.criteria import CriterionError
from exporter.config.settings import Today
from exporter.report.parameters import ReportRequest, parse_request

NOW = datetime(2026, 5, 28, 10, 20, 30, tzinfo=UTC).timestamp()
UTC_DAYS, PARIS = Today("00:00", "UTC"), Today("06:00", "Europe/Paris")


def parse(today: Today = UTC_DAYS, **given: str) -> ReportRequest:
    texts = {name.rstrip("_"): [text] for name, text in given.items()}
    return parse_request(texts, NOW, today)


def period(request: ReportRequest, hours: float = 0) -> tuple[str, str]:
    """Return the range of a request in a time zone ahead of UTC."""
    return tuple(
        f"{datetime.fromtimestamp(at, UTC) + timedelta(hours=hours):%d %H:%M:%S}"
        for at in (request.since, request.until)
    )  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ("28 00:00:00", "28 10:20:31")),
        ({"from_": "today"}, ("28 00:00:00", "28 10:20:31")),
        ({"from_": "yesterday"}, ("27 00:00:00", "28 10:20:31")),
        ({"from_": "yesterday", "to": "yesterday"}, ("27 00:00:00", "28 00:00:00")),
        ({"from_": "2026-05-20", "to": "2026-05-21"}, ("20 00:00:00", "22 00:00:00")),
        ({"from_": "2026-05-20T08:00", "to": "2026-05-20T09:30"}, ("20 08:00:00", "20 09:30:00")),
        ({"from_": "2h", "to": "1h"}, ("28 08:20:30", "28 09:20:30")),
        ({"from_": "2026-05-27", "to": "2026-05-28"}, ("27 00:00:00", "28 10:20:31")),
        ({"from_": f"{int(NOW) - 60}", "to": f"{int(NOW)}"}, ("28 10:19:30", "28 10:20:30")),
        ({"period": "day"}, ("27 00:00:00", "28 00:00:00")),
        ({"period": "week"}, ("18 00:00:00", "25 00:00:00")),
        ({"period": "month"}, ("01 00:00:00", "01 00:00:00")),
    ],
)
def test_request_with_times_covers_them(given: dict[str, str], expected: tuple[str, str]) -> None:
    assert period(parse(UTC_DAYS, **given)) == expected


def test_request_in_a_time_zone_begins_days_at_the_configured_time() -> None:
    assert period(parse(PARIS, from_="today"), 2) == ("28 06:00:00", "28 12:20:31")
    assert period(parse(PARIS, period="day"), 2) == ("27 06:00:00", "28 06:00:00")
    assert period(parse(PARIS, from_="2026-05-27"), 2) == ("27 00:00:00", "28 12:20:31")
    assert period(parse(PARIS, from_="2026-05-27", utc="true")) == ("27 00:00:00", "28 10:20:31")


@pytest.mark.parametrize(
    ("text", "step"),
    [("15m", 900), ("30m", 1800), ("1h", 3600), ("90m", 5400), ("24h", "day"), ("1d", "day"), ("day", "day")],
)
def test_request_with_an_interval_has_its_length(text: str, step: object) -> None:
    assert parse(interval=text).step == step
    assert parse().step is None


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"from_": "Someday"}, 'from: found "Someday", expected a time such as'),
        ({"from_": "1h", "to": "2h"}, "to: is not after from, expected a later time"),
        ({"from_": "999999999999"}, 'from: found "999999999999", expected a time from 1970 to 9999'),
        ({"from_": "1h", "period": "day"}, "period: found together with from, expected one of the two"),
        ({"to": "1h", "period": "day"}, "period: found together with to, expected one of the two"),
        ({"period": "year"}, 'period: found "year", expected day, week or month'),
        ({"by": "queue"}, 'by: found "queue", expected company, team, number, user or tag'),
        ({"utc": "yes"}, 'utc: found "yes", expected true or false'),
        *(
            ({"interval": text}, f'interval: found "{text}", expected 15m, 30m, 1h or another duration that')
            for text in ("7m", "0s", "500ms", "2d", "week", "", "30")
        ),
        (
            {"from_": "2026-01-01", "interval": "30s"},
            "interval: found 30s, more than 100,000 rows in 147 days, expected 15m or longer, or a shorter",
        ),
        (
            {"from_": "1970-01-01", "interval": "15m"},
            "interval: found 15m, more than 100,000 rows in 20601 days, expected day or longer, or a shorter",
        ),
    ],
)
def test_request_with_an_invalid_value_raises_what_is_expected(given: dict[str, str], error: str) -> None:
    with pytest.raises(CriterionError) as raised:
        parse(UTC_DAYS, **given)
    assert str(raised.value).startswith(error)


def test_request_with_a_repeated_parameter_is_rejected() -> None:
    with pytest.raises(CriterionError, match="by: found 2 times, expected once"):
        parse_request({"by": ["team", "user"]}, NOW, Today())
