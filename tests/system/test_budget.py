"""An hour at a company that asks for more than the limit allows: nothing refused, nothing overspent."""

from bisect import bisect_right

from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, polled


def most_in_a_minute(times: list[float]) -> int:
    """Return the largest number of requests in any 60 seconds."""
    return max(bisect_right(times, start + 60) - position for position, start in enumerate(times))


def test_budget_hour_with_300_users_is_kept_and_intervals_are_as_announced() -> None:
    account = SimulatedAccount(users=300, calls_per_hour=1500, seed=3, start=NOON)
    with polled(account) as world:
        world.live_until_complete()
        readings = {"calls": [], "availabilities": []}
        announced = {"calls": [], "availabilities": []}
        end = world.time.now + 3600
        while world.time.now < end:
            world.step(end)
            for name, polling in world.poller.status().datasets.items():
                if name in readings and (not readings[name] or readings[name][-1] != polling.as_of):
                    readings[name].append(polling.as_of)
                    announced[name].append(polling.interval)
        scrape = world.scrape()

    requests = list(world.aircall.requests)
    assert {request.status for request in requests} == {200}
    assert scrape.value("aircall_api_throttled_total") == 0
    budget = scrape.value("aircall_api_budget_requests_per_minute")
    assert most_in_a_minute([request.time for request in requests]) <= budget == 48
    assert len(scrape.labels("aircall_user_availability_code", "user_id")) == 300
    assert scrape.value("aircall_up") == 1
    for name, times in readings.items():
        real = (times[-1] - times[0]) / (len(times) - 1)
        promised = sum(announced[name]) / len(announced[name])
        assert real <= promised * 1.1
    assert scrape.value("aircall_poll_interval_seconds", dataset="calls") < 12
    assert scrape.value("aircall_poll_interval_seconds", dataset="availabilities") > 10
