"""A lane that fails, for however long."""

import math

from exporter.aircall.endpoints import ApiTask
from exporter.polling.task import MAX_RETRY_S, DatasetTask


def nothing(_: float) -> ApiTask[None]:
    yield from ()


def test_task_thousands_of_failures_waits_for_the_longest_interval() -> None:
    lane = DatasetTask(nothing)
    for _ in range(5000):
        lane.record_failure()
        lane.fail(1000.0, math.inf)
    assert lane.retry_at == 1000.0 + MAX_RETRY_S
