"""Call-backs over real HTTP: open callers and counters equal a plain recount at any moment."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from exporter.archive.caller_key_file import KeyFile
from exporter.archive.store import Archive
from exporter.config.settings import CallBacks, Caller
from exporter.durations import Duration
from exporter.simulator.simulation import SimulatedAccount
from exporter.simulator.webhook_delivery import NetworkConditions
from harness.call_back_checks import (
    archived_results,
    assert_ended_call_backs_equal,
    assert_open_call_backs_equal,
    settle,
    state_of,
)
from harness.call_back_recount import Rules
from harness.simulated_time import Polled, polled
from tests.support.webhook_world import polled_with_events

RULES = Rules(after=20, expire=1500)
SETTINGS = CallBacks(after=Duration(20), expire=Duration(1500))

LAG_S = 120
"""Seconds by which counting may be behind, while no caller waits for longer."""


class Company(SimulatedAccount):
    """A company with short calls, which soon all have ended."""

    talk_scale = 0.5


def company() -> SimulatedAccount:
    return Company(8, 400, seed=5, history=3600, repeat_callers=True)


def opened(directory: Path) -> Archive:
    return Archive(f"sqlite:///{directory}/calls.sqlite", KeyFile(directory / "caller.key", made_here=True))


LOSSY = partial(
    polled_with_events, network=NetworkConditions(lost=0.2, doubled=0.2, late=0.3, late_seconds=60)
)


@pytest.mark.parametrize(
    ("run", "caller"), [(polled, "masked"), (LOSSY, "full")], ids=["polls", "lost, doubled and late events"]
)
def test_call_backs_through_restarts_equal_the_recount(
    run: Callable[..., AbstractContextManager[Polled]], caller: Caller, tmp_path: Path
) -> None:
    account, url = company(), f"sqlite:///{tmp_path}/calls.sqlite"
    for seconds in (900, 600, 1500):
        with run(account, archive=opened(tmp_path), caller=caller, call_backs=SETTINGS) as world:
            world.live_until_complete()
            world.live(seconds)
            assert assert_open_call_backs_equal(world, RULES) > 10
            if seconds == 1500:
                settle(world, 180)
                scrape = world.scrape()
                now = world.poller.account.as_of
    assert state_of(url).until >= now - LAG_S
    results = assert_ended_call_backs_equal(scrape, account, state_of(url), RULES)
    assert min(results[result] for result in ("called_back", "called_again", "expired")) > 3
    assert archived_results(url) == results


def test_open_call_backs_while_calls_go_on_equal_the_recount(tmp_path: Path) -> None:
    account, checked = company(), 0
    with polled(account, archive=opened(tmp_path), call_backs=SETTINGS) as world:
        world.live_until_complete()
        for _ in range(8):
            world.live(97)
            checked += assert_open_call_backs_equal(world, RULES)
    assert checked > 60
