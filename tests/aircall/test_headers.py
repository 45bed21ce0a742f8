"""Tests of times in responses: without a zone they are UTC, in any time zone of this machine."""

import time
from collections.abc import Iterator

import pytest

from exporter.aircall.headers import read_headers
from exporter.aircall.models import Comment

AT = 1_780_000_000
ZONES = ["UTC", "Europe/Paris", "America/Los_Angeles", "Asia/Kolkata"]


@pytest.fixture(params=ZONES)
def _local_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_local_zone")
@pytest.mark.parametrize(
    "text",
    [
        "Thu, 28 May 2026 20:26:40 GMT",
        "Thu, 28 May 2026 20:26:40 -0000",
        "Thu, 28 May 2026 20:26:40 UTC",
        "Thu, 28 May 2026 20:26:40",
        "Thu, 28 May 2026 22:26:40 +0200",
        "Thursday, 28-May-26 20:26:40 GMT",
        "Thu May 28 20:26:40 2026",
    ],
)
def test_read_headers_date_without_a_zone_is_utc(text: str) -> None:
    assert read_headers({"Date": text}).date == AT


@pytest.mark.usefixtures("_local_zone")
@pytest.mark.parametrize(
    "text",
    ["2026-05-28T20:26:40", "2026-05-28 20:26:40.000", "2026-05-28T20:26:40Z", "2026-05-28T22:26:40+02:00"],
)
def test_comment_time_without_a_zone_is_utc(text: str) -> None:
    assert Comment("called back", text).time == AT
