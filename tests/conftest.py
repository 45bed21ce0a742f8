import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

from exporter.simulator.simulation import SimulatedAccount
from tests.simulated_time import NOON, Polled, polled

# How long an example takes says how busy the machine is with other things.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """Undo what a command that runs in a test's own process does to the logs of later tests."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def account() -> SimulatedAccount:
    """Return a quiet company, in which all users are available and which only the test changes."""
    return SimulatedAccount(users=6, calls_per_hour=0, start=NOON)


@pytest.fixture
def world(account: SimulatedAccount) -> Iterator[Polled]:
    """Run an exporter of that company, with each dataset fetched once."""
    with polled(account) as world:
        world.live_until_complete()
        yield world
