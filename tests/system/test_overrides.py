"""Overrides by number: the colours of waiting callers, and the buckets of histograms."""

import pytest

from exporter.config.settings import Override, Overrides, QueueWait, QueueWaitOverride, ServiceLevelOverride
from exporter.durations import Duration
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, polled

OVERRIDE = Override(
    queue_wait=QueueWaitOverride(critical=Duration(12)),
    service_level=ServiceLevelOverride(within=Duration(7)),
)


@pytest.mark.parametrize(("wait", "own", "general"), [(90, 0, 0), (110, 1, 1), (130, 2, 1), (210, 2, 2)])
def test_wait_level_follows_the_number_that_was_called(
    account: SimulatedAccount, wait: int, own: int, general: int
) -> None:
    overridden, other = list(account.numbers)[:2]
    levels = QueueWait(Duration(100), Duration(200))
    stricter = Override(queue_wait=QueueWaitOverride(critical=Duration(120)))
    with polled(account, queue_wait=levels, overrides=Overrides({overridden: stricter})) as world:
        world.live_until_complete()
        began = world.time.now
        for number in (overridden, other):
            account.ring_in(number, "+33 1 11 11 11 11", at=began)
        world.poll()
        world.time.now = began + wait
        scrape = world.scrape()
    assert scrape.value("aircall_queue_call_wait_level", number_id=overridden) == own
    assert scrape.value("aircall_queue_call_wait_level", number_id=other) == general
    critical = scrape.value(
        "aircall_number_queue_wait_threshold_seconds", number_id=overridden, level="critical"
    )
    assert critical == 120


def test_buckets_of_the_time_to_answer_include_the_thresholds_of_overrides(account: SimulatedAccount) -> None:
    overridden = next(iter(account.numbers.values()))
    call = account.ring_in(overridden.id, "+33 1 11 11 11 11", at=NOON - 100)
    account.answer(call.id, min(overridden.user_ids), at=NOON - 93)
    account.hang_up(call.id, at=NOON - 50)
    with polled(account, overrides=Overrides({overridden.id: OVERRIDE})) as world:
        world.live_until_complete()
        scrape = world.scrape()
    buckets = {
        bound: scrape.value("aircall_call_answer_seconds_bucket", number_id=overridden.id, le=bound)
        for bound in ("5.0", "7.0", "12.0", "20.0")
    }
    assert buckets == {"5.0": 0, "7.0": 1, "12.0": 1, "20.0": 1}
