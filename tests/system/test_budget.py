"""The request budget at a company whose polls need more requests than the limit allows."""

from bisect import bisect_right

from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, polled


def most_in_a_minute(times: list[float]) -> int:
    """Return the largest number of requests in any 60 seconds."""
    return max(bisect_right(times, start + 60) - position for position, start in enumerate(times))


def test_budget_a_quarter_of_an_hour_with_300_users_is_kept_and_intervals_are_as_announced() -> None:
    account = SimulatedAccount(users=300, calls_per_hour=1500, seed=3, start=NOON)
    with polled(account) as world:
        world.live_until_complete()
        fetched: dict[str, list[float]] = {"calls": [], "availabilities": []}
        announced: dict[str, list[float]] = {"calls": [], "availabilities": []}
        end = world.time.now + 900
        while world.time.now < end:
            world.step(end)
            for name, polling in world.poller.status().datasets.items():
                if name not in fetched or polling.as_of is None:
                    continue
                if polling.as_of not in fetched[name][-1:]:
                    fetched[name].append(polling.as_of)
                    announced[name].append(polling.interval)
        scrape = world.scrape()

    requests = list(world.aircall.requests)
    assert {request.status for request in requests} == {200}
    assert scrape.value("aircall_api_throttled_total") == 0
    budget = scrape.number("aircall_api_budget_requests_per_minute")
    assert most_in_a_minute([request.time for request in requests]) <= budget == 48
    assert len(scrape.labels("aircall_user_availability_code", "user_id")) == 300
    assert scrape.value("aircall_up") == 1
    for name, times in fetched.items():
        average = (times[-1] - times[0]) / (len(times) - 1)
        promised = sum(announced[name]) / len(announced[name])
        assert average <= promised * 1.1
    assert scrape.number("aircall_poll_interval_seconds", dataset="calls") < 12
    assert scrape.number("aircall_poll_interval_seconds", dataset="availabilities") > 10
