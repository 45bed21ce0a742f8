"""Remote write to a real VictoriaMetrics, with the configuration in docs/scaling.md."""

import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests
import yaml

from exporter.simulator.simulation import SimulatedAccount
from harness.addresses import free_address
from harness.servers import served
from tests.support.running import eventually
from tests.support.stack import ROOT, Stack, program, stack, stage_a_busy_moment

ADDRESS = "http://victoria-metrics:8428"
DROPPED = {
    "aircall_queue_call_wait_seconds",
    "aircall_queue_call_wait_level",
    "aircall_user_current_call_seconds",
}
EVERYTHING = '{job="aircall"}'


class Stores(NamedTuple):
    """Both stores, and a time (UNIX seconds) of which Prometheus has all samples."""

    prometheus: str
    victoria: str
    moment: float

    def query(self, store: str, expression: str) -> dict[frozenset[tuple[str, str]], float]:
        """Return the values at that time by labels."""
        query: dict[str, str | float] = {"query": expression, "time": self.moment}
        answer = requests.get(f"{store}/api/v1/query", params=query, timeout=10).json()
        return {
            frozenset(each["metric"].items()): float(each["value"][1]) for each in answer["data"]["result"]
        }


def example() -> dict[str, Any]:
    """Return the configuration in docs/scaling.md."""
    page = (ROOT / "docs/scaling.md").read_text(encoding="utf-8")
    found = re.search(r"```yaml\n(remote_write:.*?)```", page, re.DOTALL)
    assert found
    config: dict[str, Any] = yaml.safe_load(found[1])
    return config


@pytest.fixture(scope="module")
def stores() -> Iterator[Stores]:
    address, config = free_address(), example()
    assert config["remote_write"][0]["url"].startswith(ADDRESS)
    config["remote_write"][0]["url"] = config["remote_write"][0]["url"].replace(ADDRESS, f"http://{address}")
    with tempfile.TemporaryDirectory() as directory:
        victoria = served(
            program("victoria-metrics", "victoria-metrics"),
            f"-httpListenAddr={address}",
            "-storageDataPath=data",
            "-search.latencyOffset=0s",  # includes the last half minute
            directory=Path(directory),
            ready=f"http://{address}/health",
        )
        account = SimulatedAccount(users=12, calls_per_hour=0, start=time.time())
        with victoria, stack(account, prometheus_config=config) as started:
            stage_a_busy_moment(started)
            eventually(
                lambda: started.value("sum(number:aircall_calls_total:sum)")
            )  # rules are evaluated after scrapes
            moment = next_scrape(started, after=time.time())
            next_scrape(started, after=moment)
            yield Stores(started.prometheus, f"http://{address}", moment)


def next_scrape(stack: Stack, after: float) -> float:
    """Wait for a scrape after that time, and return its time."""

    def scraped() -> float | None:
        at = stack.value('timestamp(aircall_up{job="aircall"})')
        return at if at is not None and at > after else None

    at = eventually(scraped)
    assert at is not None
    return at


def test_remote_write_sends_every_series_except_those_of_single_calls(stores: Stores) -> None:
    values = stores.query(stores.prometheus, EVERYTHING)
    assert {dict(labels)["__name__"] for labels in values} >= DROPPED
    expected = {labels: value for labels, value in values.items() if dict(labels)["__name__"] not in DROPPED}
    assert len(expected) > 500
    eventually(lambda: stores.query(stores.victoria, EVERYTHING) == pytest.approx(expected))


def test_remote_write_sends_no_numbers_of_callers(stores: Stores) -> None:
    eventually(lambda: stores.query(stores.victoria, "aircall_queue_calls"))
    assert stores.query(stores.prometheus, 'count({caller!=""})')
    assert not stores.query(stores.victoria, 'count({caller!=""})')


@pytest.mark.parametrize(
    "expression",
    [
        "sum by (direction, outcome) (aircall_calls_total)",
        "histogram_quantile(0.9, sum by (le) (aircall_call_answer_seconds_bucket))",
        'sum by (team) (aircall_team_users{state="available"})',
        "max(aircall_queue_longest_wait_seconds)",
        "sum(aircall_user_talk_seconds_sum) / sum(aircall_user_talk_seconds_count)",
        "count by (state) (aircall_user_availability == 1)",
        "sum without (number_id, number) (number:aircall_calls_total:sum)",
    ],
)
def test_promql_on_both_stores_returns_the_same_values(stores: Stores, expression: str) -> None:
    expected = stores.query(stores.prometheus, expression)
    assert expected
    eventually(lambda: stores.query(stores.victoria, expression) == pytest.approx(expected))
