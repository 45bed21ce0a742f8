"""Tests of a request that Aircall always answers with 429: it does not stop the other requests."""

import pytest

from exporter.simulator import faults
from exporter.simulator.faults import Fault
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, polled
from tests.support.request_log import at_path, miss_calls, request_times

HEADERS = pytest.mark.parametrize("headers", ["always", "never", "nothing remains"])


def throttle(headers: str) -> tuple[dict[str, str], faults.Respond]:
    """Return the settings of the simulated account, and its answer to the request that fails."""
    if headers == "nothing remains":
        none_left = {"X-AircallApi-Remaining": "0", "Retry-After": "60"}
        return {"limit_headers": "never"}, faults.answer(429, b"", "application/json", **none_left)
    return {"limit_headers": headers}, faults.answer(429)


@HEADERS
def test_call_always_answered_429_is_set_aside(headers: str) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    served, respond = throttle(headers)
    with polled(account, served=served) as world:
        world.live_until_complete()
        stuck = account.ring_in(next(iter(account.numbers)), "+33 1 11 11 11 11", at=world.time.now)
        path = f"/v1/calls/{stuck.id}"
        world.aircall.faults.append(Fault(at_path(path), respond))
        world.time.now = miss_calls(account, world.time.now + 1)
        world.live(300)
        scrape = world.scrape()
        assert scrape.value("aircall_exporter_objects_set_aside", kind="call") == 1
        begun = world.time.now
        for _ in range(5):
            world.live(60)
            scrape = world.scrape()
            assert scrape.value("aircall_up") == 1
            assert scrape.number("aircall_dataset_age_seconds", dataset="calls") < 30
        assert len(request_times(world, path, begun)) <= 4


@HEADERS
@pytest.mark.parametrize(
    ("path", "dataset"),
    [
        ("/v1/calls", "calls"),
        ("/v1/users/availabilities", "availabilities"),
        ("/v2/users", "users"),
    ],
)
def test_list_always_answered_429_leaves_the_other_lists_fresh(path: str, dataset: str, headers: str) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    served, respond = throttle(headers)
    with polled(account, served=served) as world:
        world.live_until_complete()
        world.aircall.faults.append(Fault(at_path(path), respond))
        world.poller.refresh()
        world.live(300)
        begun = world.time.now
        for _ in range(5):
            world.live(45)
            scrape = world.scrape()
            for other in {"calls", "availabilities"} - {dataset}:
                assert scrape.number("aircall_dataset_age_seconds", dataset=other) < 30
        assert scrape.number("aircall_polls_total", dataset=dataset, result="error") >= 1
        assert len(request_times(world, path, begun)) >= 2
        world.aircall.faults.clear()
        world.live(310)
        assert world.scrape().value("aircall_up") == 1
        assert world.poller.tasks[dataset].failing_since is None
