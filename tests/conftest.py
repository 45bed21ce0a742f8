from collections.abc import Iterator

import pytest

from exporter.demo.simulation import SimulatedAccount
from tests.simulated_time import NOON, Polled, polled


@pytest.fixture
def account() -> SimulatedAccount:
    """A quiet company: everyone is available, and nothing happens but what a test lets happen."""
    return SimulatedAccount(users=6, calls_per_hour=0, start=NOON)


@pytest.fixture
def world(account: SimulatedAccount) -> Iterator[Polled]:
    """That company, with every dataset read once."""
    with polled(account) as world:
        world.live_until_complete()
        yield world
