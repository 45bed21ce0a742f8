"""Tests of the task of a dataset."""

import math

from exporter.aircall.endpoints import ApiTask
from exporter.polling.task import MAX_RETRY_S, DatasetTask


def no_requests(_: float) -> ApiTask[None]:
    yield from ()


def test_task_thousands_of_failures_waits_for_the_longest_interval() -> None:
    task = DatasetTask(no_requests)
    for _ in range(5000):
        task.record_failure()
        task.fail(1000.0, math.inf)
    assert task.retry_at == 1000.0 + MAX_RETRY_S
