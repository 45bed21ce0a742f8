"""Overrides by number: the colours of waiting callers, and the buckets of histograms."""

import pytest

from exporter.config.settings import (
    Override,
    Overrides,
    QueueWait,
    QueueWaitOverride,
    ServiceLevelOverride,
    Thresholds,
)
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


def test_thresholds_of_shares_are_exposed_and_checked_for_each_number(account: SimulatedAccount) -> None:
    overridden, other = list(account.numbers)[:2]
    for number in (overridden, other):
        for position in range(4):
            call = account.ring_in(number, "+33 1 11 11 11 11", at=NOON - 100 + position)
            if position:
                account.answer(call.id, min(account.numbers[number].user_ids), at=NOON - 90)
                account.hang_up(call.id, at=NOON - 80)
            else:
                account.miss(call.id, "abandoned_in_classic", at=NOON - 80)
    patient = Override(missed_rate=0.6, abandoned_rate=0.25)
    general = Thresholds(missed_rate=0.2, abandoned_rate=0.2)
    with polled(account, thresholds=general, overrides=Overrides({overridden: patient})) as world:
        world.live_until_complete()
        scrape = world.scrape()
    for number, warning, critical, abandoned, exceeded in (
        (overridden, 0.6, 0.6, 0.25, 0),
        (other, 0.2, 0.5, 0.2, 1),
    ):
        for level, share in (("warning", warning), ("critical", critical)):
            labels = {"number_id": number, "level": level}
            assert scrape.value("aircall_number_missed_threshold_ratio", **labels) == share
        assert scrape.value("aircall_number_abandoned_threshold_ratio", number_id=number) == abandoned
        for kpi in ("missed_rate", "abandoned_rate"):
            checked = scrape.value("aircall_number_threshold_exceeded", number_id=number, kpi=kpi)
            assert checked == exceeded
