"""The order in which passwords are checked while clients guess."""

import random
from collections.abc import Callable
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.web.fair_queue import FairQueue


class Guessers:
    """Clients on one address that each send a new guess as soon as the last one is answered."""

    def __init__(self, seed: int, guessers: int) -> None:
        self.rng = random.Random(seed)
        self.queue: FairQueue[str] = FairQueue(lambda: self.rng.getrandbits(1) == 1)
        self.guesses = 0
        for _ in range(guessers):
            self.guess()

    def guess(self) -> None:
        self.guesses += 1
        self.queue.add("address", f"guess {self.guesses}")

    def checks_until(self, item: str, patience: int) -> int | None:
        """Return after how many checks the item is taken, or None if it is not within `patience`."""
        for checks in range(1, patience + 1):
            taken = self.queue.take()
            if taken == item:
                return checks
            self.guess()
        return None


@pytest.mark.parametrize("guessers", [1, 10, 100, 1000])
def test_right_password_among_guessers_on_the_same_address_is_checked_soon(guessers: int) -> None:
    """A check takes about 0.1 s, so a scrape can wait for about 100."""
    in_time, later = 0, 0
    for seed in range(100):
        flood = Guessers(seed, guessers)
        for _ in range(seed):
            flood.queue.take()
            flood.guess()
        flood.queue.add("address", "right")
        if flood.checks_until("right", 100):
            in_time += 1
            continue
        flood.queue.withdraw("address", "right")  # the scrape has timed out, and the next one begins
        flood.queue.add("address", "right")
        later += flood.checks_until("right", 2) is not None
    assert in_time >= 90
    assert in_time + later == 100


class Addresses:
    """Addresses that each always have a new guess in the queue, so a round takes longer than a scrape."""

    def __init__(self, addresses: int, flip: Callable[[], bool]) -> None:
        self.queue: FairQueue[str] = FairQueue(flip)
        self.numbers = count()
        self.waiting: list[str] = []
        for _ in range(addresses):
            self.guess(f"address {next(self.numbers)}")

    def guess(self, address: str) -> None:
        guess = f"{address}:{next(self.numbers)}"
        self.waiting.append(guess)
        self.queue.add(address, guess)

    def give_up_all(self) -> None:
        """Withdraw all guesses, and send another one from each address."""
        for guess in list(self.waiting):
            address, _, _ = guess.partition(":")
            self.waiting.remove(guess)
            self.queue.withdraw(address, guess)
            self.guess(address)

    def check(self, times: int, new_addresses: bool = False) -> list[str]:
        """Return what is checked; for each guess another one is made, from the same or a new address."""
        checked: list[str] = []
        for _ in range(times):
            checked.append(self.queue.take())
            address, colon, _ = checked[-1].partition(":")
            if colon:
                self.waiting.remove(checked[-1])
                self.guess(f"address {next(self.numbers)}" if new_addresses else address)
        return checked


@pytest.mark.parametrize("addresses", [1, 60, 150, 250])
@pytest.mark.parametrize("earlier", [0, 10, 400])
@pytest.mark.parametrize("give_up", [False, True])
def test_new_client_among_guessing_addresses_is_checked_within_a_scrape(
    addresses: int, earlier: int, give_up: bool
) -> None:
    """However many checks were made before. With a cost of 12, a scrape can wait for 25 checks."""
    rng = random.Random(addresses)
    for _ in range(3):
        flood = Addresses(addresses, lambda: rng.getrandbits(1) == 1)
        flood.check(earlier)
        flood.queue.add("scraper", "right")
        if give_up:
            flood.give_up_all()
        assert "right" in flood.check(25)


@pytest.mark.parametrize("addresses", [60, 150, 1000])
def test_client_that_gives_up_before_its_turn_is_checked_when_it_comes_back(addresses: int) -> None:
    """Each guess comes from an address that is newer than the client."""
    flood = Addresses(addresses, lambda: True)
    flood.queue.add("scraper", "right")
    flood.guess("newer")
    assert "right" not in flood.check(addresses // 2, new_addresses=True)
    flood.queue.withdraw("scraper", "right")
    flood.check(5, new_addresses=True)
    flood.queue.add("scraper", "right")
    assert "right" in flood.check(2, new_addresses=True)


def test_credential_that_comes_back_precedes_guesses_that_come_back() -> None:
    queue: FairQueue[str] = FairQueue(lambda: True)
    items = [f"guess {n}" for n in range(50)]
    items.insert(20, "right")
    for item in items:
        queue.add("address", item)
        queue.withdraw("address", item)
    for item in reversed(items[20:]):
        queue.add("address", item)
    assert "right" in {queue.take(), queue.take()}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), unique=True), st.randoms())
def test_fair_queue_returns_every_item_once_and_clients_take_turns(
    items: list[tuple[str, int]], rng: random.Random
) -> None:
    queue: FairQueue[tuple[str, int]] = FairQueue(lambda: rng.random() < 0.5)
    for client, number in items:
        queue.add(client, (client, number))
    taken: list[tuple[str, int]] = []
    while queue:
        waiting = {client for client, _ in set(items) - set(taken)}
        turns = {queue.take() for _ in waiting}
        assert {client for client, _ in turns} == waiting
        taken += turns
    assert sorted(taken) == sorted(items)
    with pytest.raises(IndexError):
        queue.take()
