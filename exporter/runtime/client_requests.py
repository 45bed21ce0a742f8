"""Fetch a call and switch a user for a client that waits for the result."""

from collections.abc import Callable

from exporter.aircall.models import CallWithDetails
from exporter.polling import call_fetchers
from exporter.polling.on_demand import ConcurrencyLimit, OnDemandRequest
from exporter.polling.poller import Poller
from exporter.polling.schedule import AVAILABILITY_CHANGES
from exporter.polling.switch_availability import SwitchResult, Target, switch_and_refresh

TIMEOUT_S = 15.0
"""Seconds that a client waits for a single call, or for a change of availability."""

MAX_WAITING = 5
"""Maximum number of clients that wait for each of these at a time."""


class ClientRequests:
    """Has the poller send requests for clients, within the request budget.

    Every method raises:
        ApiError: The request fails.
        TimeoutError: There is no response in time.
        TooManyRequestsError: Too many clients wait already.
        NotLeaderError: Another exporter polls.
    """

    def __init__(
        self,
        poller: Poller,
        require_leader: Callable[[], None],
        run_in_poller: Callable[[Callable[[], None]], object],
    ) -> None:
        self._poller, self._require_leader, self._run_in_poller = poller, require_leader, run_in_poller
        self._fetching, self._switching = ConcurrencyLimit(MAX_WAITING), ConcurrencyLimit(MAX_WAITING)

    def fetch_call(self, call_id: int) -> CallWithDetails | None:
        """Fetch a call from Aircall. Return None if Aircall has no such call."""
        self._require_leader()
        with self._fetching:
            request = OnDemandRequest(lambda: call_fetchers.fetch_call(self._poller.account, call_id))
            self._run_in_poller(lambda: self._poller.submit(request))
            return request.wait(TIMEOUT_S)

    def switch(self, user_id: int, target: Target | None) -> SwitchResult:
        """Make a user available or unavailable. Without a target, toggle the two. Also raises SwitchError."""
        self._require_leader()
        poller = self._poller
        with self._switching:
            request = OnDemandRequest(
                lambda: switch_and_refresh(poller.account, poller.tasks.user_api, user_id, target)
            )
            self._run_in_poller(lambda: poller.submit(request, AVAILABILITY_CHANGES))
            return request.wait(TIMEOUT_S)
