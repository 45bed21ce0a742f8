"""The tutorial's activity tracker ("Technical Steps"), to measure against: what it asks, and how old that is.

Steps 1 to 3 as they are written: users, teams and numbers every few hours, each user's numbers one by one; at
each refresh all calls of the activity period, page by page, and all availabilities. Where the limit is used
up it sleeps ("you most likely will need to introduce a waiting/sleeping period in-between API calls").
"""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import requests

from exporter.aircall.budget import RequestBudget
from exporter.simulator.server import SimulatedAircall
from tests.simulated_time import LATENCY, SimulatedTime

ACTIVITY_PERIOD_S = 15 * 60
"""Seconds, as in the tutorial's example."""

AVAILABILITIES, CALLS = "/v1/users/availabilities", "/v1/calls"


@dataclass
class Tracker:
    """Refreshes as the tutorial does, a request after the other, in simulated time."""

    aircall: SimulatedAircall
    time: SimulatedTime
    budget: RequestBudget
    """Its sleeps, made as short as they can be."""
    readings: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """When those of each list began and ended, UNIX seconds."""

    def __post_init__(self) -> None:
        self._session = requests.Session()
        self._session.auth = (self.aircall.api_id, self.aircall.api_token)
        self._session.trust_env = False

    def map_users(self) -> None:
        """Step 1: the objects and who answers which number, a request for each user."""
        user_ids = [user["id"] for page in self._pages("/v1/users") for user in page["users"]]
        for path in ("/v1/teams", "/v1/numbers"):
            self._pages(path)
        for user_id in user_ids:
            self._get(f"{self.aircall.base_url}/v1/users/{user_id}")

    def refresh(self) -> None:
        """Step 3: the availabilities and the calls of the activity period."""
        self._read(AVAILABILITIES, AVAILABILITIES)
        now = int(self.time.now)
        self._read(CALLS, f"{CALLS}?order=desc&per_page=50&from={now - ACTIVITY_PERIOD_S}&to={now}")

    def refresh_every(self, interval: float, seconds: float) -> None:
        """Refresh so often for so long; where that cannot be done, one refresh follows the other."""
        end = self.time.now + seconds
        while self.time.now < end:
            begun = self.time.now
            self.refresh()
            self.time.now = max(self.time.now, begun + interval)

    def ages(self, path: str) -> list[float]:
        """How old what a list said was, second by second."""
        ages: list[float] = []
        for (begun, ended), (_, next_ended) in pairwise(self.readings[path]):
            ages += [ended + second - begun for second in range(max(1, round(next_ended - ended)))]
        return ages

    def _read(self, name: str, path: str) -> None:
        begun = self.time.now
        self._pages(path)
        self.readings.setdefault(name, []).append((begun, self.time.now))

    def _pages(self, path: str) -> list[Any]:
        separator = "&" if "?" in path else "?"
        url, pages = f"{self.aircall.base_url}{path}{separator}per_page=50", []
        while url:
            page = self._get(url)
            pages.append(page)
            url = page["meta"]["next_page_link"]
        return pages

    def _get(self, url: str) -> Any:
        self.time.now = max(self.time.now, self.budget.ready_at)
        self.budget.acquire(self.time.now)
        answer = self._session.get(url, timeout=10)
        answer.raise_for_status()
        self.time.now += LATENCY
        return answer.json()
