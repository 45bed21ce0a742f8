"""The exporter's dashboard, compared with Aircall's requests and responses."""

import re
from collections import Counter
from math import inf

import pytest
from pytest import approx

from exporter.aircall.client import FAILURES
from harness.dashboards import panel
from harness.simulated_time import LATENCY, NOON
from tests.support.companies import TROUBLE, UNREADABLE, counted_whole
from tests.support.past import Past
from tests.support.prometheus_history import Company

UID = "aircall-exporter"
Request = tuple[float, str, str]


def requests(company: Company) -> list[Request]:
    """When each request was made, its endpoint, and what came of it."""

    def outcome(at: float, path: str) -> str:
        return next(
            (code for where, code, _, begin, end in TROUBLE if path == where and begin <= at - NOON < end),
            "200",
        )

    return [
        (each.time, re.sub(r"/\d+", "/:id", each.path), outcome(each.time, each.path))
        for each in company.requests
    ]


def repeated_at_once(asked: list[Request]) -> list[bool]:
    """Whether each request was repeated on a new connection: its own was dropped, which fails no poll."""
    following = [*asked[1:], (inf, "", "")]
    return [
        one[1:] == other[1:] and one[2] == "connection" and other[0] - one[0] < 1
        for one, other in zip(asked, following, strict=True)
    ]


@pytest.fixture
def asked(past: Past) -> list[Request]:
    return requests(past.troubled)


def test_all_is_well_but_for_what_has_gone_wrong(past: Past, asked: list[Request]) -> None:
    first, last = past.troubled.scrapes[0], past.troubled.scrapes[-1]
    codes = Counter(code for _, _, code in asked)
    of_the_past = {each.time for each in past.troubled.requests if "to=" in each.query}
    failed = sum(
        code not in ("200", "429") and at not in of_the_past and not repeated
        for (at, _, code), repeated in zip(asked, repeated_at_once(asked), strict=True)
    )
    pages = [
        at for at, path, _ in asked if path == "/v1/calls" and UNREADABLE[0] <= at - NOON < UNREADABLE[1]
    ]
    verdicts = panel(UID, "Is all well?")
    shown = {
        caption: words.removeprefix("! ")
        for caption, (words, _) in past.view(past.troubled, first, last).tiles(verdicts).items()
    }
    assert shown == {
        "Aircall answers": "yes",
        "API key": "accepted",
        "Call archive": "saving",
        "Failed polls": str(failed),
        "Throttled": str(codes["429"]),
        "Unreadable objects": str(2 * len(pages)),
    }
    _, _, _, begin, end = TROUBLE[0]
    during = past.view(past.troubled, first, NOON + (begin + end) / 2).tiles(verdicts)
    assert during["Aircall answers"][0] == "‼ no"


def test_requests_are_those_that_aircall_got(past: Past, asked: list[Request]) -> None:
    begin, end = 300 * (past.troubled.scrapes[0] // 300 + 1), 300 * (past.troubled.scrapes[-1] // 300)
    lines = past.view(past.troubled, end, end).lines(
        panel(UID, "Requests per minute, and the budget"), int(end - begin)
    )
    minutes = (end - begin) / 60
    for endpoint in ("/v1/calls", "/v1/users/availabilities"):
        per_minute = sum(begin < at <= end for at, path, _ in asked if path == endpoint) / minutes
        # The window of a rate is a scrape longer than the step.
        assert lines[endpoint][end] == approx(per_minute, rel=2 * past.troubled.every / (end - begin))
    assert lines["budget"] == {end: 480}
    assert lines["company limit"] == {end: 600}
    assert 0 < lines["remaining"][end] < 600


def test_a_failed_request_is_in_one_bar_under_its_code(past: Past, asked: list[Request]) -> None:
    bars = past.bars(past.troubled, panel(UID, "Requests that failed"))
    codes = {code for _, _, code in asked} - {"200"}
    assert codes <= bars.keys() <= codes | set(FAILURES)  # those begin at 0
    for code, counts in bars.items():
        counted_whole(counts, [at for at, _, outcome in asked if outcome == code], past.troubled.every)


def test_data_are_as_old_as_the_last_reading_that_worked(past: Past, asked: list[Request]) -> None:
    begin, end = NOON + 60, past.troubled.scrapes[-1]
    lines = past.view(past.troubled, begin, end).lines(
        panel(UID, "Age of each dataset, in poll intervals"), past.troubled.every
    )
    for dataset, endpoint in (("calls", "/v1/calls"), ("availabilities", "/v1/users/availabilities")):
        worked = [at for at, path, code in asked if path == endpoint and code == "200"]
        for now, age in lines[dataset].items():
            scrape = max(at for at in past.troubled.scrapes if at <= now)
            last = max(at for at in worked if at + LATENCY <= scrape)
            assert age * past.troubled.every == approx(scrape - last, abs=2 * LATENCY)
        assert max(lines[dataset].values()) > 4
    assert {"users", "teams", "numbers", "assignments"} <= lines.keys()


def test_live_data_are_read_as_often_as_was_asked_for(past: Past) -> None:
    begin, end = past.troubled.scrapes[0], past.troubled.scrapes[-1]
    lines = past.view(past.troubled, begin, end).lines(panel(UID, "Poll intervals of the live data"), 60)
    assert set(lines) == {"calls", "availabilities", "calls asked for", "availabilities asked for"}
    assert {seconds for line in lines.values() for seconds in line.values()} == {past.troubled.every}
