"""Compare the call-backs of a world in simulated time with a recount."""

from collections import Counter

import pytest
from sqlalchemy import create_engine, select

from exporter.archive.call_backs import State
from exporter.archive.schema import calls
from exporter.simulator.simulation import SimulatedAccount
from harness import call_back_recount as recount
from harness.chaos.call_backs import followed
from harness.scrape import Scrape
from harness.simulated_time import Polled


def state_of(url: str) -> State:
    """Return how far the archive has followed call-backs."""
    state = followed(url)
    assert state is not None
    return state


def archived_results(url: str) -> Counter[str]:
    """Return how many archived calls have ended a call-back, by result."""
    engine = create_engine(url)
    with engine.connect() as connection:
        found = Counter(connection.scalars(select(calls.c.call_back).where(calls.c.call_back.is_not(None))))
    engine.dispose()
    return found


def assert_open_call_backs_equal(world: Polled, rules: recount.Rules) -> int:
    """Compare the open call-backs with a recount of this moment. Returns how many there are."""
    clock = world.aircall.clock
    world.freeze()
    world.live(1)
    scrape, account, now = world.scrape(), world.account, world.poller.account.as_of
    world.aircall.clock = clock
    aircall_now = world.time.now + world.poller.account.server_ahead
    callers = recount.open_callers(account, now, rules)
    expected = Counter((caller.number, str(caller.voicemail).lower()) for caller in callers)
    assert nonzero(scrape, "aircall_number_call_backs_open", "number_id", "voicemail") == expected
    oldest = {
        caller.number: max(
            aircall_now - (c.missed[0].ended_at or 0) for c in callers if c.number == caller.number
        )
        for caller in callers
    }
    shown = nonzero(scrape, "aircall_number_call_back_oldest_seconds", "number_id")
    assert {number: seconds for (number,), seconds in shown.items()} == pytest.approx(oldest, abs=0.1)
    anonymous = {(number,): count for number, count in recount.anonymous(account, now, rules).items()}
    assert nonzero(scrape, "aircall_number_call_backs_anonymous", "number_id") == anonymous
    for team in account.teams.values():
        numbers = {
            str(number.id) for number in account.numbers.values() if set(number.user_ids) & set(team.user_ids)
        }
        assert scrape.sum("aircall_team_call_backs_open", team_id=team.id) == sum(
            count for (number, _), count in expected.items() if number in numbers
        )
    return len(callers)


def assert_ended_call_backs_equal(
    scrape: Scrape, account: SimulatedAccount, state: State, rules: recount.Rules
) -> Counter[str]:
    """Compare the counters with the recount up to where the archive has followed. Returns the results."""
    ended = recount.ended(account, state.since, state.until, rules)
    expected = Counter((each.number, each.result) for each in ended)
    assert nonzero(scrape, "aircall_call_backs_total", "number_id", "result") == expected
    reached = [each for each in ended if each.seconds is not None]
    counts = Counter((each.number,) for each in reached)
    assert nonzero(scrape, "aircall_call_back_seconds_count", "number_id") == counts
    assert scrape.sum("aircall_call_back_seconds_sum") == sum(each.seconds or 0 for each in reached)
    return Counter(each.result for each in ended)


def settle(world: Polled, seconds: float) -> None:
    """Let all calls end, be fetched, and be `seconds` old, so that the last call-backs are counted."""
    world.account.stop_traffic()
    while any(call.ended_at is None for call in world.account.calls.values()):
        world.live(60)
    world.live(seconds)
    world.freeze()
    world.live(seconds / 2)


def nonzero(scrape: Scrape, family: str, *labels: str) -> dict[tuple[str, ...], float]:
    """Return the samples of a family that are not 0, by these labels."""
    found = ((dict(key), value) for key, value in scrape.all(family).items() if value)
    return {tuple(each[label] for label in labels): value for each, value in found}
