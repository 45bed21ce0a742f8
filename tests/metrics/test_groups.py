"""Groups of metrics: each family is in one, and all groups together are the whole output."""

import gzip
import re
import time
from collections import Counter
from collections.abc import Iterator

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from exporter.config.settings import Thresholds, Webhook
from exporter.durations import Duration
from exporter.metrics.exposition import MAX_VIEWS, Exposition
from exporter.metrics.groups import ALL_GROUPS, GROUP_NAMES, GROUPS, MetricGroup
from exporter.metrics.sections import FAMILIES
from exporter.simulator.simulation import SimulatedAccount
from harness.scrape import Scrape
from harness.simulated_time import Polled, polled
from scripts.reference import metrics_page
from tests.support.running import Running, running

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
QUEUE = {
    "aircall_queue_calls",
    "aircall_queue_longest_wait_seconds",
    "aircall_queue_call_wait_seconds",
    "aircall_queue_call_wait_level",
    "aircall_queue_call_info",
    "aircall_queue_menu_calls",
    "aircall_user_waiting_calls",
    "aircall_team_waiting_calls",
}
PRESENCE = {
    "aircall_user_availability",
    "aircall_user_availability_code",
    "aircall_user_availability_changed_timestamp_seconds",
    "aircall_user_substatus",
    "aircall_user_current_call_seconds",
    "aircall_team_users",
    "aircall_number_users",
    "aircall_number_open",
}


@pytest.fixture(scope="module")
def world() -> Iterator[Polled]:
    with polled(SimulatedAccount(), sla=8, thresholds=Thresholds(in_call=Duration(40))) as world:
        world.live_until_complete()
        world.live(60)
        yield world


@pytest.fixture(scope="module")
def exporter() -> Iterator[Running]:
    account, webhook = SimulatedAccount(calls_per_hour=0), Webhook(token="a token")
    with running(account, served={"rate_limit": 600}, webhook=webhook) as exporter:
        exporter.until_ready()
        yield exporter


def exposition(world: Polled) -> Exposition:
    return Exposition(
        world.poller.snapshot(), {"exporter": world.instruments}, world.writer.status, world.time
    )


def lines(served: Exposition, accept: str, zipped: bool, *groups: MetricGroup) -> Counter[str]:
    """Return how often a scrape contains each line, except the last one of OpenMetrics."""
    body, _ = served.expose(accept, zipped, frozenset(groups) or ALL_GROUPS)
    text = (gzip.decompress(body) if zipped else body).decode()
    assert text.endswith("# EOF\n") == bool(accept)
    assert text.count("# EOF\n") == bool(accept)
    return Counter(text.removesuffix("# EOF\n").splitlines())


def scraped(exporter: Running, *groups: str, **headers: str) -> requests.Response:
    return requests.get(
        f"{exporter.url}/metrics", params={"collect[]": list(groups)}, headers=headers, timeout=10
    )


def family_names(text: str) -> list[str]:
    """Return the families in the order of their headers."""
    return re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)


@pytest.mark.parametrize("accept", ["", OPENMETRICS], ids=["text", "openmetrics"])
@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
def test_all_groups_together_equal_a_scrape_without_groups(world: Polled, accept: str, zipped: bool) -> None:
    served = exposition(world)
    for _ in range(2):  # the second time from the caches, after an update
        everything = lines(served, accept, zipped)
        parts = [lines(served, accept, zipped, group) for group in GROUP_NAMES]
        assert sum(parts, Counter[str]()) == everything
        assert max(everything.values()) == 1
        world.live(25)
        served.update(world.poller.snapshot())


def test_two_groups_return_the_lines_of_both(world: Polled) -> None:
    served = exposition(world)
    both = lines(served, "", False, "queue", "presence")
    assert both == lines(served, "", False, "queue") + lines(served, "", False, "presence")
    assert {*family_names("\n".join(both))} == QUEUE | PRESENCE


def test_scrapes_of_more_views_than_are_kept_return_the_same_lines(world: Polled) -> None:
    served = exposition(world)
    first = {group: lines(served, "", True, group) for group in GROUP_NAMES}
    assert len(first) > MAX_VIEWS
    served.update(world.poller.snapshot())
    assert {group: lines(served, "", True, group) for group in GROUP_NAMES} == first


def test_scrape_of_groups_after_an_update_shows_the_new_snapshot(world: Polled) -> None:
    served = exposition(world)
    before = lines(served, "", False, "queue", "presence")
    world.live(120)
    assert world.poller.snapshot().board is not served._page.snapshot.board
    served.update(world.poller.snapshot())
    after = lines(served, "", False, "queue", "presence")
    assert after != before
    assert after == Counter(
        {line: count for line, count in lines(served, "", False).items() if line in after}
    )


def test_scrape_of_queue_and_presence_takes_less_than_half_of_the_processor_time(world: Polled) -> None:
    served = exposition(world)

    def least(*groups: MetricGroup) -> float:
        """Return the processor time of the fastest scrape, in seconds."""
        taken = []
        for _ in range(20):
            begun = time.thread_time()
            served.expose("", True, frozenset(groups) or ALL_GROUPS)
            taken.append(time.thread_time() - begun)
        return min(taken)

    assert least("queue", "presence") < least() / 2


def test_scrapes_send_no_request_to_aircall(world: Polled) -> None:
    served, before = exposition(world), len(world.aircall.requests)
    for group in GROUP_NAMES:
        lines(served, "", False, group)
    assert len(world.aircall.requests) == before


def test_period_group_contains_all_families_with_the_label_period() -> None:
    with_period = {family.name for family in FAMILIES if "period" in family.labels}
    without = {family.name for family in FAMILIES if family.group == "period"} - with_period
    assert {family.group for family in FAMILIES if family.name in with_period} == {"period"}
    assert without == {f"aircall_{kind}_threshold_exceeded" for kind in ("user", "team", "number")}


def test_documentation_of_metrics_states_the_group_of_each_family() -> None:
    page = metrics_page()

    def documented(name: str) -> str:
        (row,) = re.findall(rf"^\| `{name}` \|(.*)\|$", page, re.MULTILINE)
        return str(row.split("|")[2]).strip()

    for family in FAMILIES:
        assert documented(family.name) == family.group
    for name in ("aircall_polls_total", "aircall_exporter_leader", "aircall_api_requests_total"):
        assert documented(name) == "exporter"
    assert documented("aircall_webhook_events_total") == "webhooks"
    assert set(GROUPS) == ALL_GROUPS


@pytest.mark.parametrize("accept", ["", OPENMETRICS], ids=["text", "openmetrics"])
@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_metrics_each_family_over_http_is_in_exactly_one_group(
    exporter: Running, accept: str, coding: str
) -> None:
    headers = {"Accept": accept, "Accept-Encoding": coding}
    everything = scraped(exporter, **headers)
    parts = [scraped(exporter, group, **headers) for group in GROUP_NAMES]
    assert {part.headers["Content-Type"] for part in parts} == {everything.headers["Content-Type"]}
    assert {part.headers.get("Content-Encoding", "identity") for part in parts} == {coding}
    names = [name for part in parts for name in family_names(part.text)]
    assert sorted(names) == sorted(family_names(everything.text))
    assert len(names) == len(set(names))


def test_metrics_of_the_process_and_of_instruments_are_in_their_groups(exporter: Running) -> None:
    own = set(family_names(scraped(exporter, "exporter").text))
    assert {"process_start_time_seconds", "python_info", "aircall_up", "aircall_polls_total"} <= own
    assert {"aircall_exporter_thread_up", "aircall_exporter_build_info", "aircall_exporter_leader"} <= own
    assert all(
        name.startswith("aircall_webhook_") for name in family_names(scraped(exporter, "webhooks").text)
    )
    assert "aircall_webhook_events_total" in scraped(exporter, "webhooks").text


def test_metrics_with_a_repeated_group_contain_it_once(exporter: Running) -> None:
    once, twice = scraped(exporter, "queue"), scraped(exporter, "queue", "queue")
    assert twice.status_code == 200
    assert twice.text == once.text
    assert Scrape(text_string_to_metric_families(twice.text)).samples.keys() <= QUEUE


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("queue", "nonsense"), '"nonsense"'),
        (("",), '""'),
        (("Queue",), '"Queue"'),
        (("x" * 1000,), '"' + "x" * 56 + "..."),
        (("line\nbreak",), r'"line\nbreak"'),
    ],
)
def test_metrics_with_an_unknown_group_return_400_and_list_the_groups(
    exporter: Running, names: tuple[str, ...], found: str
) -> None:
    answer = scraped(exporter, *names)
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "text/plain; charset=utf-8")
    assert answer.text == f"collect[]: unknown group {found}, expected one of {', '.join(GROUP_NAMES)}.\n"
