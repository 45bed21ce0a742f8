"""Days in Paris, and the check of their figures."""

from datetime import datetime
from zoneinfo import ZoneInfo

from exporter.config.settings import Refresh, Today
from exporter.durations import Duration
from exporter.simulator.simulation import SimulatedAccount
from harness import recount
from harness.simulated_time import Polled
from tests.support.recovery import fetch_all

PARIS = ZoneInfo("Europe/Paris")
TODAY = Today("00:00", "Europe/Paris")
RARELY = Refresh(calls=Duration(30), availabilities=Duration(60))
HOUR = 3600


def at(year: int, month: int, day: int, hour: int = 0) -> float:
    """Return a local time in Paris as UNIX seconds."""
    return datetime(year, month, day, hour, tzinfo=PARIS).timestamp()


def busy(start: float, history: float = 0) -> SimulatedAccount:
    return SimulatedAccount(users=12, calls_per_hour=120, seed=9, start=start, history=history)


def assert_today_equals_recount(world: Polled, began: float) -> int:
    """Stop the account's time, and compare the figures of the day. Returns the number of finished calls."""
    fetch_all(world)
    now, scrape = world.poller.account.as_of, world.scrape()
    calls = recount.finished(world.account, now, now - began)
    assert scrape.value("aircall_today_start_timestamp_seconds") == began
    for number in world.account.numbers.values():
        own = [call for call in calls if call.number_id == number.id]
        for direction, outcome in (("inbound", "answered"), ("inbound", "missed"), ("outbound", "answered")):
            labels = {"period": "today", "number_id": number.id, "direction": direction, "outcome": outcome}
            assert scrape.value("aircall_number_period_calls", **labels) == recount.count(
                own, direction, outcome
            )
    return len(calls)


def assert_today_is_left_out(world: Polled) -> None:
    """Check that no family has the day, although calls are polled and the activity period is shown."""
    samples = world.scrape().samples
    assert not [
        name for name, series in samples.items() if any(("period", "today") in each for each in series)
    ]
    assert not samples.get("aircall_today_start_timestamp_seconds")
    assert any(("period", "recent") in each for each in samples["aircall_number_period_calls"])
