"""Rules with a single scrape job that has no `params`, as in a configuration without the job aircall-live."""

import time
from collections.abc import Iterator
from functools import partial

import pytest

from exporter.simulator.simulation import SimulatedAccount
from tests.support.rules import RECORDED
from tests.support.running import eventually
from tests.support.stack import Stack, stack, stage_a_busy_moment


@pytest.fixture(scope="module")
def single() -> Iterator[Stack]:
    with stack(SimulatedAccount(users=12, calls_per_hour=0, start=time.time()), single_job=True) as started:
        stage_a_busy_moment(started)
        yield started


def test_recording_rules_return_data(single: Stack) -> None:
    names = {name for name in RECORDED if not name.endswith((":unread", ":old"))}
    assert len(names) > 5
    for name in sorted(names):
        eventually(partial(single.query, f'{name}{{job="aircall"}}'))


def test_alert_for_a_waiting_caller_fires_and_none_for_the_exporter(single: Stack) -> None:
    alert = 'ALERTS{alertname="%s", alertstate="firing"}'
    eventually(lambda: single.query(alert % "AircallCallerWaitingTooLong"), within=60)
    assert [sample["metric"]["job"] for sample in single.query("up")] == ["aircall"]
    assert not single.query('ALERTS{alertname="AircallExporterDown"}')
