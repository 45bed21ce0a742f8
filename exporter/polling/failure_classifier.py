"""Decide whether a failed request concerns its object, all lists, or the credential."""

from enum import Enum, auto
from typing import Any, NamedTuple

import structlog

from exporter.account.account import Account
from exporter.aircall.endpoints import Request
from exporter.aircall.errors import (
    CREDENTIAL_REJECTED,
    RATE_LIMITED_CODE,
    ApiError,
    CredentialError,
    NotFoundError,
    RateLimitedError,
)
from exporter.polling.credential import CredentialState
from exporter.polling.schedule import CORE, DATASETS, LIVE
from exporter.polling.task import MAX_ATTEMPTS
from exporter.polling.tasks import Tasks

log = structlog.get_logger()

CREDENTIAL_RETRY_S = 10.0
"""Seconds between requests while the credential is rejected: as long as between two polls."""

MAX_UNPROVEN_FAILURES = 3
"""Objects that may fail before the poller waits for a list, which shows whether every request fails."""


class Handling(Enum):
    """How a failed request is handled."""

    BY_FETCH = auto()
    """The fetch receives the error. It leaves out the object or the page."""
    WAIT_FOR_LIST = auto()
    """The request is repeated once a list was fetched, which shows that only this request fails."""
    RETRY = auto()
    """The fetch has failed, and the request is repeated."""


class Failure(NamedTuple):
    """A failed request: how it is handled, and the error that the fetch receives.

    The error is a CredentialError only if the credential is rejected.
    """

    handling: Handling
    error: ApiError


class FailureClassifier:
    """Compares the failures of single objects and pages with those of whole lists."""

    def __init__(self, account: Account, tasks: Tasks) -> None:
        self.credential = CredentialState(lambda: tasks.enabled)
        self._account, self._tasks = account, tasks
        self._lists_work = True
        """Whether the last request for a list worked. If so, an object that fails fails alone."""
        self._list_worked_at = 0.0
        self._unproven = 0
        """Requests for single objects or pages that have failed since then."""

    def list_fetched(self, name: str, template: str, sent: float) -> None:
        """Record that a task fetched a list, by a request that was `sent` (our clock)."""
        self._lists_work, self._list_worked_at, self._unproven = True, sent, 0
        self._continue_waiting_tasks()
        if self.credential.read(name, template):
            log.info("Aircall accepts the credential again")

    def classify(self, name: str, request: Request[Any], error: ApiError, sent: float) -> Failure:
        """Return how the failed request of a task is handled. It was `sent` at this time (our clock)."""
        is_forbidden = isinstance(error, CredentialError)
        if not (request.is_part or error.code == RATE_LIMITED_CODE or isinstance(error, NotFoundError)):
            self._lists_work = False
            self._continue_waiting_tasks()
            self._account.aside.lists_failed()
            if not is_forbidden:
                self.credential.failed(name, request.template)
        if isinstance(error, CredentialError) and not self._is_credential_rejected(name, request, error):
            error = ApiError(error.code, str(error), error.headers)
        if self.credential.task_to_fetch is not None:
            self._tasks.request_now(self.credential.task_to_fetch)
        if self._tasks[name].job is None or not self._is_handled_by_fetch(name, request, error):
            return Failure(Handling.RETRY, error)
        if request.is_part and self._needs_proof(name, error, is_forbidden, sent):
            return Failure(Handling.WAIT_FOR_LIST, error)
        return Failure(Handling.BY_FETCH, error)

    def _continue_waiting_tasks(self) -> None:
        """Continue the tasks that wait for an answer to a list."""
        for task in self._tasks.by_name.values():
            if task.failed_at is not None:
                task.retry_at = 0.0

    def _is_handled_by_fetch(self, name: str, request: Request[Any], error: ApiError) -> bool:
        """Return whether the fetch itself handles the error. Otherwise the request is retried.

        A fetch handles errors about one object or one page of a list while lists can be fetched. Until a list
        has been fetched completely once, a page that fails is requested a second time before it is left out.
        """
        if isinstance(error, NotFoundError) or name in self._tasks.pending_requests:
            return True
        if isinstance(error, RateLimitedError) or not (request.is_part and self._lists_work):
            return False
        task = self._tasks[name]
        first = name in DATASETS and request.id is None and task.as_of is None
        return not first or task.failures + 1 >= MAX_ATTEMPTS

    def _needs_proof(self, name: str, error: ApiError, is_forbidden: bool, sent: float) -> bool:
        """Return whether a list has to be fetched first, to show that the failure concerns only this object.

        Live data and on-demand requests do not wait for that.
        """
        task = self._tasks[name]
        if name in LIVE or name in self._tasks.pending_requests or isinstance(error, NotFoundError):
            return False
        if task.failed_at is not None and task.failed_at < self._list_worked_at:
            return False
        self._unproven += 1
        if self._unproven <= MAX_UNPROVEN_FAILURES and not is_forbidden:
            return False
        task.failed_at = sent if task.failed_at is None else task.failed_at
        if not set(CORE) & set(self._tasks.enabled):
            self._tasks.request_now("teams")  # no other task fetches a list
        return True

    def _is_credential_rejected(self, name: str, request: Request[Any], error: CredentialError) -> bool:
        """Return whether the credential is rejected, given a request that is forbidden.

        A page of a list counts only if that list decides about the credential: its fetch may be under way.
        """
        before = self.credential.rejected
        decides = name == self.credential.task_to_fetch and request.id is None
        if request.is_part and not decides:
            return before
        rejected = self.credential.forbidden(name, request.template)
        if rejected and not before:
            log.error(CREDENTIAL_REJECTED, answer=error.code, trying_again=f"every {CREDENTIAL_RETRY_S:.0f}s")
        return rejected
