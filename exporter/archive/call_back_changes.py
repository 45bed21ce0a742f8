"""Return how call-backs have changed since the last transaction, or all of them."""

import math
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection

from exporter.account.call_backs import CallBackChanges
from exporter.account.counter_totals import Key
from exporter.account.records import Batch, Counting
from exporter.archive import totals
from exporter.archive.call_backs import Follower
from exporter.archive.caller_key_file import CallerKey

WHOLE_INTERVAL_S = 60.0
"""Seconds after which all open missed calls are returned again: a command may have erased some of them."""


class Followed(NamedTuple):
    """How the open missed calls have changed, and the present values of the totals that may have changed."""

    changes: CallBackChanges | None
    totals: dict[Key, int]


class FollowedCallBacks:
    """Follows call-backs. After a transaction whose result is unknown, it returns all of them."""

    def __init__(self) -> None:
        self._whole_at = -math.inf
        """When (UNIX seconds, Aircall's clock) all open missed calls were returned last."""
        self._after_commit = -math.inf
        self._is_built = False

    def follow(
        self,
        connection: Connection,
        batch: Batch,
        counting: Counting | None,
        key: CallerKey | None,
        others: Iterable[str] = (),
    ) -> Followed:
        """Follow the callers of a batch and `others`, add to the totals, and return the result.

        The first transaction fills the table again, as an older exporter may have used the archive.
        """
        task = batch.call_backs
        self._after_commit = self._whole_at
        if task is None:
            return Followed(None, {})
        is_due = abs(task.now - self._whole_at) >= WHOLE_INTERVAL_S
        others = tuple(others)
        if self._is_built and not (is_due or batch.records or others or batch.complete_to is not None):
            return Followed(None, {})  # such as after a poll of availabilities
        self._whole_at = -math.inf  # until the transaction is committed
        follower = Follower(connection, task, key)
        added, changes = follower.follow(
            batch.records, batch.complete_to, counting, is_due, not self._is_built, others
        )
        totals.add_counts(connection, added)
        if changes is not None and changes.is_whole:
            self._after_commit = task.now
            return Followed(changes, totals.values_of_families(connection, "call_back"))
        return Followed(changes, totals.values_of(connection, added))

    def committed(self) -> None:
        """Record that the transaction was committed and its result is returned."""
        self._whole_at = self._after_commit
        self._is_built = self._is_built or not math.isinf(self._whole_at)
