"""Tests of endpoints that announce different limits: the budget changes once, and the log stays short."""

from itertools import cycle

import pytest
from starlette.responses import Response
from structlog.testing import capture_logs

from exporter.simulator.faults import Exchange, Fault
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, polled


@pytest.mark.parametrize(
    ("limits", "lowest"),
    [
        ({"/v1/calls": [120], "/v1/users/availabilities": [60]}, 60),
        ({"/v1/calls": [60], "/v1/users/availabilities": [120], "/v2/users": [240]}, 60),
        ({"/v1/calls": [60, 120], "/v1/users/availabilities": [120]}, 60),
        ({"/v1/calls": [120, 90, 100, 80, 200], "/v1/users/availabilities": [300]}, 80),
    ],
)
def test_poller_with_different_limits_of_endpoints_keeps_one_budget(
    limits: dict[str, list[int]], lowest: int
) -> None:
    announced = {path: cycle(values) for path, values in limits.items()}

    async def respond(exchange: Exchange) -> Response:
        answer = exchange.normal_response()
        if exchange.path in announced:
            answer.headers["X-AircallApi-Limit"] = str(next(announced[exchange.path]))
        return answer

    account = SimulatedAccount(users=60, calls_per_hour=450, start=NOON, history=0)
    served = {"limit_headers": "never", "rate_limit": 1000}
    with polled(account, served=served) as world:
        world.aircall.faults.append(Fault(lambda _: True, respond))
        with capture_logs() as logged:
            world.live_until_complete()
            world.live(60)
            budgets, until = set(), world.time.now + 600
            while world.time.now < until:
                world.step(until)
                budgets.add(world.poller.budget.limit)
        assert budgets == {lowest}
        about = [line for line in logged if "limit" in line["event"]]
        assert len(about) <= 4
        assert all(line["log_level"] == "info" for line in about)
