"""Decide whether Aircall accepts the credential, from its answers to requests for lists."""

from collections.abc import Callable, Collection

ALWAYS_THERE = ("teams", "availabilities")
"""Tasks whose lists every account has, fetched if no list could be fetched before."""


class CredentialState:
    """Decide whether an answer that forbids a list is about that list only.

    A list may be forbidden to a credential that may read others. So the other lists are requested at once,
    those that were fetched last first, until one succeeds. If all fail, the credential is rejected.
    """

    def __init__(self, enabled: Callable[[], Collection[str]]) -> None:
        """Choose other lists among the tasks that `enabled` returns."""
        self.rejected = False
        self.task_to_fetch: str | None = None
        """The task to run at once, because its list may decide; None if nothing is in doubt."""
        self._enabled = enabled
        self._readable: dict[str, str] = {}
        """The lists whose last request succeeded, with their tasks, the newest at the end."""
        self._unread: set[str] = set()
        """Tasks whose list could not be fetched since any list was fetched."""
        self._forbidden: set[str] = set()
        self._rejected_by = ""

    def read(self, task: str, template: str) -> bool:
        """Record that a list was fetched. Return whether the credential was rejected until now."""
        self._readable.pop(template, None)
        self._readable[template] = task
        self._forbidden.discard(template)
        self._unread.clear()
        self.task_to_fetch = None
        was_rejected, self.rejected = self.rejected, False
        if was_rejected and self._rejected_by != template:
            self._forbidden.add(self._rejected_by)
        return was_rejected

    def failed(self, task: str, template: str) -> None:
        """Record that a list could not be fetched for another reason than the credential."""
        self._readable.pop(template, None)
        self._unread.add(task)
        if task == self.task_to_fetch:
            self.task_to_fetch = self._next_task()

    def forbidden(self, task: str, template: str) -> bool:
        """Record that a list is forbidden. Return whether the credential is rejected."""
        self._readable.pop(template, None)
        if self.rejected:
            return True
        if template in self._forbidden and self._readable:
            return False
        self._forbidden.add(template)
        self._unread.add(task)
        if self.task_to_fetch in (None, task):
            self.task_to_fetch = self._next_task()
        if self.task_to_fetch is None:
            self.rejected, self._rejected_by = True, template
        return self.rejected

    def _next_task(self) -> str | None:
        """Return the task that was fetched last and may run now, else one that every account has."""
        candidates = (*reversed(self._readable.values()), *ALWAYS_THERE)
        possible = {*self._enabled()} - self._unread
        return next((task for task in candidates if task in possible), None)
