"""An account that only the test changes, its API, and a client with the credential."""

from collections.abc import Iterator

import msgspec
import pytest
import requests

from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from exporter.simulator.webhooks import SimulatedWebhook

START = 1_780_000_020
"""UNIX seconds; a minute of the rate limit begins here."""


class Clock:
    """The clock of the API, in UNIX seconds."""

    def __init__(self) -> None:
        self.now = float(START)

    def __call__(self) -> float:
        return self.now


class Client:
    """Sends requests to the simulated API with the right credential, unless another is passed."""

    def __init__(self, aircall: SimulatedAircall) -> None:
        self._aircall = aircall
        self.session = requests.Session()
        self.session.auth = (aircall.api_id, aircall.api_token)

    def get(self, path: str, **options) -> requests.Response:
        return self.session.get(self._aircall.base_url + path, timeout=5, **options)

    def put(self, path: str, content: object) -> requests.Response:
        return self.session.put(self._aircall.base_url + path, json=content, timeout=5)

    def pages(self, path: str) -> Iterator[dict]:
        link = self._aircall.base_url + path
        while link:
            page = self.session.get(link, timeout=5).json()
            yield page
            link = page["meta"]["next_page_link"]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def account() -> SimulatedAccount:
    return SimulatedAccount(users=24, calls_per_hour=0, start=START)


@pytest.fixture
def aircall(account: SimulatedAccount, clock: Clock) -> Iterator[SimulatedAircall]:
    with SimulatedAircall(account, clock, rate_limit=10_000) as aircall:
        yield aircall


@pytest.fixture
def client(aircall: SimulatedAircall) -> Iterator[Client]:
    client = Client(aircall)
    with client.session:
        yield client


@pytest.fixture
def posts(aircall: SimulatedAircall) -> list[dict]:
    """Return a list that receives the content of each event that is sent."""
    received: list[dict] = []
    aircall.webhooks.carriers.append(lambda post: received.append(msgspec.json.decode(post.body)))
    aircall.webhooks.add(SimulatedWebhook("http://127.0.0.1:1"))
    return received
