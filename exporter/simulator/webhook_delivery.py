"""Deliver events to webhooks, with losses, duplicates, delays and retries."""

import heapq
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from itertools import count
from random import Random
from urllib.parse import urlsplit

from exporter.simulator.simulation import SimulatedAccount
from exporter.simulator.webhooks import FAILURES_UNTIL_OFF, Post, Webhooks

TIMEOUT_S = 5.0
"""Seconds within which Aircall expects a response."""

FIRST_RETRY_S = 1.0
MAX_RETRY_S = 60.0
"""Seconds until an event that was not accepted is sent again; doubles each time."""

CHECK_INTERVAL_S = 0.01
"""Seconds between two checks for new events."""


@dataclass
class NetworkConditions:
    """Shares (0 to 1) of the events that are lost, sent twice, and late by up to `late_seconds`."""

    lost: float = 0.0
    doubled: float = 0.0
    late: float = 0.0
    late_seconds: float = 20.0
    seed: int = 1

    def __post_init__(self) -> None:
        self._random = Random(f"way {self.seed}")  # noqa: S311 a simulation

    def delays(self) -> list[float]:
        """Return the delays in seconds with which an event is sent: none, one or two."""
        random = self._random
        if random.random() < self.lost:
            return []
        times = 2 if random.random() < self.doubled else 1
        return [
            random.uniform(0, self.late_seconds) if random.random() < self.late else 0.0 for _ in range(times)
        ]


@dataclass
class DeliveryQueue:
    """Events to send, with their due times (UNIX seconds)."""

    way: NetworkConditions = field(default_factory=NetworkConditions)

    def __post_init__(self) -> None:
        self._posts: list[tuple[float, int, int, Post]] = []
        self._sequence = count()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._posts)

    def put(self, post: Post) -> None:
        """Add an event that has just occurred."""
        for delay in self.way.delays():
            self._put(post.at + delay, 0, post)

    def due(self, now: float) -> list[tuple[Post, int]]:
        """Return the events that are due by `now`, with their numbers of failed attempts."""
        due = []
        with self._lock:
            while self._posts and self._posts[0][0] <= now:
                _, _, failures, post = heapq.heappop(self._posts)
                due.append((post, failures))
        return due

    def failed(self, post: Post, failures: int, now: float) -> None:
        """Schedule another attempt, or disable the webhook after too many failures."""
        if failures + 1 >= FAILURES_UNTIL_OFF:
            post.webhook.active = False
        elif post.webhook.active:
            self._put(now + min(MAX_RETRY_S, FIRST_RETRY_S * 2**failures), failures + 1, post)

    def _put(self, at: float, failures: int, post: Post) -> None:
        with self._lock:
            heapq.heappush(self._posts, (at, next(self._sequence), failures, post))


class WebhookSender:
    """Sends the events of a queue, over one persistent connection per webhook."""

    def __init__(self, bag: DeliveryQueue) -> None:
        self._bag = bag
        self._connections: dict[str, HTTPConnection] = {}

    def send_due(self, now: float) -> int:
        """Send all events due by `now` (UNIX seconds). Return how many were accepted."""
        taken = 0
        for post, failures in self._bag.due(now):
            if not post.webhook.active:
                continue
            if self._sent(post):
                taken += 1
            else:
                self._bag.failed(post, failures, now)
        return taken

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections.values():
            connection.close()

    def _sent(self, post: Post) -> bool:
        parts = urlsplit(post.webhook.url)
        connection = self._connections.get(parts.netloc)
        if connection is None:
            connection = HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
            self._connections[parts.netloc] = connection
        try:
            connection.request("POST", parts.path, post.body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
        except (OSError, HTTPException):
            connection.close()
            return False
        return 200 <= answer.status < 300


class DeliveryThread:
    """Sends an account's events in real time, in a thread."""

    def __init__(
        self,
        account: SimulatedAccount,
        webhooks: Webhooks,
        way: NetworkConditions,
        clock: Callable[[], float],
    ) -> None:
        """Advance the account by `clock` (UNIX seconds), even without requests."""
        self.bag = DeliveryQueue(way)
        webhooks.carriers.append(self.bag.put)
        self._account, self._clock = account, clock
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="post office", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop sending."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        postman = WebhookSender(self.bag)
        while not self._closed.wait(CHECK_INTERVAL_S):
            now = self._clock()
            self._account.advance(now)
            postman.send_due(now)
        postman.close()
