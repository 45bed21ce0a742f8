"""A lane that fails, for however long."""

import math

from exporter.aircall.endpoints import ApiTask
from exporter.polling.task import MAX_RETRY_S, DatasetTask


def nothing(_: float) -> ApiTask[None]:
    yield from ()


def test_days_of_failures_are_waited_out_like_hours_of_them() -> None:
    lane = DatasetTask(nothing)
    for _ in range(5000):
        lane.record_failure()
        lane.fail(1000.0, math.inf)
    assert lane.retry_at == 1000.0 + MAX_RETRY_S
