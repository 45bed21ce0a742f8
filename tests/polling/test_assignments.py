"""Tests of assignments: one request for each number, or for each user if there are fewer users."""

from collections import Counter
from pathlib import Path

import pytest

from exporter.archive.store import Archive
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, Polled, polled

USERS = 60


def company(numbers: int) -> SimulatedAccount:
    account = SimulatedAccount(users=USERS, calls_per_hour=100, start=NOON, history=0)
    while len(account.numbers) < numbers:
        account.add_number(f"Number {len(account.numbers)}", "+33 1 00 00 00 00", "FR", "Europe/Paris")
    return account


def fetched(world: Polled) -> Counter[str]:
    """Return how often the assignments of each number or user were fetched since the last call."""
    paths = [request.path for request in world.aircall.requests]
    world.aircall.requests.clear()
    return Counter(
        path
        for path in paths
        if path.startswith("/v1/numbers/") or (path.startswith("/v2/users/") and path.endswith("/numbers"))
    )


def once(paths: list[str]) -> Counter[str]:
    return Counter(dict.fromkeys(paths, 1))


def by_number(world: Polled) -> list[str]:
    return [f"/v1/numbers/{id_}" for id_ in world.account.numbers]


@pytest.mark.parametrize("numbers", [10, 40, USERS, 120])
def test_assignments_at_a_start_are_fetched_once(numbers: int) -> None:
    with polled(company(numbers)) as world:
        expected = by_number(world)
        if numbers > USERS:
            expected = [f"/v2/users/{id_}/numbers" for id_ in world.account.users]
        world.live_until_complete()
        world.live(300)
        assert fetched(world) == once(expected)


def test_assignments_at_a_restart_and_a_refresh_are_fetched_once(tmp_path: Path) -> None:
    archive, account = f"sqlite:///{tmp_path}/archive.sqlite", company(40)
    for _ in range(2):
        with polled(account, archive=Archive(archive)) as world:
            expected = by_number(world)
            world.live_until_complete()
            world.live(120)
            assert fetched(world) == once(expected)
            world.poller.refresh()
            world.live(420)
            assert fetched(world) == once(expected)


def test_assignments_number_is_added_during_a_fetch_are_fetched() -> None:
    with polled(company(40)) as world:
        while not fetched(world):
            world.step(world.time.now + 60)
        added = world.account.add_number("Added", "+33 1 00 00 00 01", "FR", "Europe/Paris")
        world.live_until_complete()
        world.poller.tasks.request_now("numbers")
        world.live(420)
        assert fetched(world)[f"/v1/numbers/{added.id}"] == 1
