"""From the simulated account to a notification, through a real Prometheus and a real Alertmanager."""

import subprocess
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import requests

from exporter.config.settings import Webhook
from exporter.metrics.sections import FAMILIES
from exporter.simulator.simulation import SimulatedAccount
from tests.support.rules import RECORDED
from tests.support.running import eventually
from tests.support.stack import Stack, program, stack, stage_a_busy_moment


def has_value(stack: Stack, expression: str, expected: float) -> bool:
    """Return whether the value is the expected one. No series counts as 0."""
    return (stack.value(expression) or 0) == expected


@pytest.fixture(scope="module")
def busy() -> Iterator[Stack]:
    """Run the stack with a conversation, a waiting caller, finished calls and a webhook."""
    account = SimulatedAccount(users=12, calls_per_hour=0, start=time.time())
    with stack(account, webhook=Webhook(token="a token")) as started:
        stage_a_busy_moment(started)
        yield started


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_family_is_returned_by_promql(busy: Stack, family: Any) -> None:
    suffix = "_count" if family.kind in ("histogram", "summary") else ""
    series = busy.query(family.name + suffix)
    assert series
    assert set(family.labels) | {"__name__", "job", "instance"} >= set(series[0]["metric"])


UNREAD = "it exists until a dataset has been fetched for the first time"
MAY_BE_EMPTY = {
    "dataset:aircall_poll_interval_seconds:unread": UNREAD,
    "company:aircall_number_names:unread": UNREAD,
    "dataset:aircall_age:old": "it exists while data is old",
}


@pytest.mark.parametrize("name", sorted(RECORDED - MAY_BE_EMPTY.keys()))
def test_recording_rule_returns_data(busy: Stack, name: str) -> None:
    eventually(lambda: busy.query(name))


@pytest.mark.parametrize(
    "name",
    ["aircall_api_requests_total", "aircall_api_request_duration_seconds_count", "aircall_polls_total"],
)
def test_metric_about_the_exporter_is_returned_by_promql(busy: Stack, name: str) -> None:
    assert busy.query(name)
    assert busy.value("aircall_api_throttled_total") == 0


def test_values_in_prometheus_equal_the_account(busy: Stack) -> None:
    account = busy.exporter.account
    assert busy.value("count(aircall_user_info)") == len(account.users)
    assert busy.value("count(count by (team_id) (aircall_team_users))") == len(account.teams) + 1
    for state in ("available", "in_call"):
        users = sum(account.availability(user) == state for user in account.users)
        expression = f'count(max by (user_id) (aircall_user_availability{{state="{state}"}}) == 1)'
        eventually(partial(has_value, busy, expression, users))
    assert busy.value('sum(aircall_number_period_calls{period="recent", outcome="missed"})') == 1
    assert busy.value('sum(aircall_calls_total{direction="outbound",outcome="unanswered"})') == 1
    assert busy.value("max(aircall_number_average_answer_seconds)") == 10
    assert busy.value("max(aircall_user_sla_breached)") == 1


def test_alert_for_a_long_wait_is_sent_to_the_receiver(busy: Stack) -> None:
    alert = eventually(
        lambda: busy.notified(alertname="AircallCallerWaitingTooLong", severity="critical"), within=60
    )
    assert alert
    waiting = busy.query("aircall_queue_calls > 0")[0]["metric"]
    assert alert["status"] == "firing"
    assert alert["labels"]["number"] == waiting["number"]
    assert alert["annotations"]["summary"].startswith(
        f"A caller has been waiting on {waiting['number']} for "
    )
    assert "#aircallcallerwaitingtoolong" in alert["annotations"]["runbook_url"]


def test_promtool_check_of_the_metrics_finds_no_problem(busy: Stack) -> None:
    metrics = requests.get(f"{busy.exporter.url}/metrics", timeout=10).content
    done = subprocess.run(
        [program("prometheus", "promtool"), "check", "metrics"],
        input=metrics,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
