"""The dashboard of the exporter, compared with Aircall's requests and responses."""

import re
from collections import Counter
from math import inf

import pytest
from pytest import approx

from harness.dashboards import panel
from harness.simulated_time import LATENCY, NOON
from tests.support.companies import TROUBLE, UNREADABLE, counted_whole
from tests.support.past import Past
from tests.support.prometheus_history import Company

UID = "aircall-exporter"
Request = tuple[float, str, str]


def requests(company: Company) -> list[Request]:
    """Return the time, the endpoint and the result of each request."""

    def outcome(at: float, path: str) -> str:
        return next(
            (code for where, code, _, begin, end in TROUBLE if path == where and begin <= at - NOON < end),
            "200",
        )

    return [
        (each.time, re.sub(r"/\d+", "/:id", each.path), outcome(each.time, each.path))
        for each in company.requests
    ]


def repeated_at_once(sent: list[Request]) -> list[bool]:
    """Return for each request whether it was repeated on a new connection. Then no poll failed."""
    following = [*sent[1:], (inf, "", "")]
    return [
        request[1:] == later[1:] and request[2] == "connection" and later[0] - request[0] < 1
        for request, later in zip(sent, following, strict=True)
    ]


@pytest.fixture
def sent(past: Past) -> list[Request]:
    return requests(past.troubled)


def test_status_panel_after_faults_shows_each_fault(past: Past, sent: list[Request]) -> None:
    first, last = past.troubled.scrapes[0], past.troubled.scrapes[-1]
    codes = Counter(code for _, _, code in sent)
    past_requests = {each.time for each in past.troubled.requests if "to=" in each.query}
    failed = sum(
        code not in ("200", "429") and at not in past_requests and not repeated
        for (at, _, code), repeated in zip(sent, repeated_at_once(sent), strict=True)
    )
    pages = [at for at, path, _ in sent if path == "/v1/calls" and UNREADABLE[0] <= at - NOON < UNREADABLE[1]]
    status = panel(UID, "Is all well?")
    shown = {
        caption: words.removeprefix("! ")
        for caption, (words, _) in past.view(past.troubled, first, last).tiles(status).items()
    }
    assert shown == {
        "Exporter is scraped": "yes",
        "Aircall answers": "yes",
        "API key": "accepted",
        "Call archive": "saving",
        "Failed polls": str(failed),
        "Throttled": str(codes["429"]),
        "Unreadable objects": str(2 * len(pages)),
    }
    _, _, _, begin, end = TROUBLE[0]
    during = past.view(past.troubled, first, NOON + (begin + end) / 2).tiles(status)
    assert during["Aircall answers"][0] == "‼ no"


def test_requests_panel_equals_the_requests_at_aircall(past: Past, sent: list[Request]) -> None:
    begin, end = 300 * (past.troubled.scrapes[0] // 300 + 1), 300 * (past.troubled.scrapes[-1] // 300)
    lines = past.view(past.troubled, end, end).lines(
        panel(UID, "Requests per minute, and the budget"), int(end - begin)
    )
    minutes = (end - begin) / 60
    for endpoint in ("/v1/calls", "/v1/users/availabilities"):
        per_minute = sum(begin < at <= end for at, path, _ in sent if path == endpoint) / minutes
        # The window of a rate is a scrape longer than the step.
        assert lines[endpoint][end] == approx(per_minute, rel=2 * past.troubled.every / (end - begin))
    assert lines["budget"] == {end: 480}
    assert lines["company limit"] == {end: 600}
    assert 0 < lines["remaining"][end] < 600


def test_failed_requests_panel_counts_each_failure_once_under_its_code(
    past: Past, sent: list[Request]
) -> None:
    bars = past.bars(past.troubled, panel(UID, "Requests that failed"))
    codes = {code for _, _, code in sent} - {"200"}
    assert len(bars) > 2
    assert bars.keys() <= codes
    for code in codes:
        counted_whole(bars[code], [at for at, _, outcome in sent if outcome == code], past.troubled.every)


def test_age_panel_shows_the_time_since_the_last_successful_request(past: Past, sent: list[Request]) -> None:
    begin, end = NOON + 60, past.troubled.scrapes[-1]
    lines = past.view(past.troubled, begin, end).lines(
        panel(UID, "Age of each dataset, in poll intervals"), past.troubled.every
    )
    for dataset, endpoint in (("calls", "/v1/calls"), ("availabilities", "/v1/users/availabilities")):
        succeeded = [at for at, path, code in sent if path == endpoint and code == "200"]
        for now, age in lines[dataset].items():
            scrape = max(at for at in past.troubled.scrapes if at <= now)
            last = max(at for at in succeeded if at + LATENCY <= scrape)
            assert age * past.troubled.every == approx(scrape - last, abs=2 * LATENCY)
        assert max(lines[dataset].values()) > 4
    assert {"users", "teams", "numbers", "assignments"} <= lines.keys()


def test_poll_intervals_panel_equals_the_configured_intervals(past: Past) -> None:
    begin, end = past.troubled.scrapes[0], past.troubled.scrapes[-1]
    lines = past.view(past.troubled, begin, end).lines(panel(UID, "Poll intervals of the live data"), 60)
    assert set(lines) == {"calls", "availabilities", "calls asked for", "availabilities asked for"}
    assert {seconds for line in lines.values() for seconds in line.values()} == {past.troubled.every}
