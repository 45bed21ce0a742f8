"""Implement the tutorial's activity tracker ("Technical Steps"), to compare requests and ages.

Steps 1 to 3 are implemented literally. It fetches users, teams and numbers every few hours, and each user's
numbers one by one. Each refresh fetches all pages of calls of the activity period, and all availabilities. If
the limit is used up it sleeps ("you most likely will need to introduce a waiting/sleeping period in-between
API calls").
"""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import requests

from exporter.aircall.request_budget import RequestBudget
from exporter.simulator.server import SimulatedAircall
from harness.simulated_time import LATENCY, SimulatedTime

ACTIVITY_PERIOD_S = 15 * 60
"""The activity period in seconds, as in the tutorial's example."""

AVAILABILITIES, CALLS = "/v1/users/availabilities", "/v1/calls"


@dataclass
class Tracker:
    """Refreshes as the tutorial does, one request after the other, in simulated time."""

    aircall: SimulatedAircall
    time: SimulatedTime
    budget: RequestBudget
    """Makes the tracker's sleeps as short as possible."""
    readings: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """When each list was fetched, by path: start and end (UNIX seconds)."""

    def __post_init__(self) -> None:
        self._session = requests.Session()
        self._session.auth = (self.aircall.api_id, self.aircall.api_token)
        self._session.trust_env = False

    def map_users(self) -> None:
        """Run step 1: fetch users, teams and numbers, and the numbers of each user."""
        user_ids = [user["id"] for page in self._pages("/v1/users") for user in page["users"]]
        for path in ("/v1/teams", "/v1/numbers"):
            self._pages(path)
        for user_id in user_ids:
            self._get(f"{self.aircall.base_url}/v1/users/{user_id}")

    def refresh(self) -> None:
        """Run step 3: fetch the availabilities and the calls of the activity period."""
        self._read(AVAILABILITIES, AVAILABILITIES)
        now = int(self.time.now)
        self._read(CALLS, f"{CALLS}?order=desc&per_page=50&from={now - ACTIVITY_PERIOD_S}&to={now}")

    def refresh_every(self, interval: float, seconds: float) -> None:
        """Refresh at an interval for `seconds`, or without a pause if the interval is too short."""
        end = self.time.now + seconds
        while self.time.now < end:
            begun = self.time.now
            self.refresh()
            self.time.now = max(self.time.now, begun + interval)

    def ages(self, path: str) -> list[float]:
        """Return the age of a list's data at each second."""
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
