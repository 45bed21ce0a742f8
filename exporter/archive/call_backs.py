"""Follow call-backs in the transaction that saves a batch.

A table has the open missed calls. Only some callers are followed again: those of the batch, and those whose
calls are complete, or expired, since the last batch. Each call-back is counted once, because the call that
ended it keeps the result.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from itertools import groupby
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, FromClause, and_, bindparam, delete, or_, select, update

from exporter.account.call_backs import (
    CallBackChanges,
    CallBackRules,
    CallBackTask,
    Contact,
    EndedCallBack,
    OpenMissedCall,
    follow,
    increments,
    open_missed_call,
)
from exporter.account.counter_totals import Key
from exporter.account.records import Counting
from exporter.archive import call_deletion, metadata_table
from exporter.archive.caller_identity import ERASED, identity, is_masked
from exporter.archive.caller_key_file import CallerKey
from exporter.archive.parameter_chunks import chunks
from exporter.archive.schema import call_backs, calls
from exporter.archive.undecided_calls import before_undecided
from exporter.archive.upsert import put

UPGRADE_S = 86400
"""Seconds before an upgrade from which on call-backs are counted."""

MISSED = calls.c.outcome == "missed"
_NOT_ERASED = calls.c.caller.is_distinct_from(ERASED)


def is_answered(table: FromClause) -> ColumnElement[bool]:
    """Match the rows of calls that a user, and not an AI voice agent, has answered. They may go on."""
    goes_on = and_(table.c.status == "answered", table.c.user_id.is_not(None))
    return or_(table.c.outcome == "answered", goes_on)


ANSWERED = is_answered(calls)
_REMOVE_EXPIRED = (
    delete(call_backs).where(call_backs.c.expires_at <= bindparam("now")).returning(call_backs.c.call_id)
)


class State(msgspec.Struct, frozen=True):
    """How far call-backs have been followed. Times are UNIX seconds on Aircall's clock."""

    since: int
    """Answered calls count if they started at `since` or later."""
    until: int
    """All calls that started up to `until` are complete."""
    rules: CallBackRules
    """The rules by which the table was filled."""


class Follower:
    """Follows callers in one transaction."""

    def __init__(self, connection: Connection, task: CallBackTask, key: CallerKey | None) -> None:
        """Follow by the rules of `task`. Callers are identified by `key`."""
        self._connection, self._task, self._rules, self._key = connection, task, task.rules, key
        self._totals: Counter[Key] = Counter()
        self._added: dict[int, OpenMissedCall] = {}
        self._removed: set[int] = set()
        self._expired_before = 0.0
        """The start of missed calls that had expired when callers were followed last (UNIX seconds)."""
        self._removed_to = 0
        """The start before which calls were past their retention: they may have been counted."""

    def follow(  # noqa: PLR0913, PLR0917
        self,
        call_ids: Collection[int],
        complete_to: int | None,
        counting: Counting | None,
        whole: bool,
        rebuild: bool = False,
        others: Iterable[str] = (),
    ) -> tuple[Counter[Key], CallBackChanges | None]:
        """Follow the callers whose call-backs may have changed, and save the result.

        Args:
            call_ids: The calls of the batch.
            complete_to: The start (UNIX seconds, Aircall's clock) up to which calls are complete, if known.
            counting: Which calls are counted.
            whole: Return all open missed calls.
            rebuild: Fill the table again.
            others: The keys of further callers.

        Returns:
            What this adds to the totals, and how the open missed calls have changed.
        """
        saved = metadata_table.read(self._connection, metadata_table.CALL_BACKS, State)
        state, keys, span = saved or self._first_state(counting), set(others), self._rules.expire
        earliest = state.until
        if rebuild or state.rules != self._rules:
            identified = self._identify()
            keys |= identified.keys()
            earliest = min([earliest, *identified.values()])
            span = max(state.rules.expire, self._rules.expire)
            self._connection.execute(delete(call_backs))
            keys |= self._keys(MISSED, calls.c.started_at > self._task.now - span)
            self._add_anonymous(calls.c.started_at > self._task.now - self._rules.expire)
            whole = True
        for ids in chunks(call_ids):
            in_batch = calls.c.id.in_(ids)
            found = select(calls.c.caller_key, calls.c.started_at).where(in_batch, or_(MISSED, ANSWERED))
            rows = self._connection.execute(found).all()
            keys |= {row.caller_key for row in rows if row.caller_key is not None}
            earliest = min([earliest, *(row.started_at for row in rows)])
            self._add_anonymous(in_batch)
        if complete_to is not None:
            complete_to = before_undecided(self._connection, complete_to)
        until = max(state.until, complete_to or state.until)
        if until > state.until:
            keys |= self._keys(ANSWERED, *_between(state.until, until))
            keys |= self._keys(MISSED, *_between(state.until - span, until - self._rules.expire))
        self._expired_before = state.until - self._rules.expire
        self._removed_to = call_deletion.removed_to(self._connection)
        state = msgspec.structs.replace(state, until=until, rules=self._rules)
        for some in chunks(keys):
            self._follow(some, earliest, span, state)
        self._remove_expired()
        if state != saved:
            metadata_table.write(self._connection, metadata_table.CALL_BACKS, state)
        return self._totals, self._changes(whole)

    def _first_state(self, counting: Counting | None) -> State:
        """Return the state before the first use. Counting begins where that of calls did."""
        now = self._task.now
        is_upgraded = metadata_table.read(self._connection, metadata_table.CALL_BACKS_ADDED, bool)
        first = now - UPGRADE_S if is_upgraded else 0
        begin = int(now if counting is None else max(counting.started_from, first))
        return State(begin, begin - 1, CallBackRules(0, 0, ()))

    def _identify(self) -> dict[str, int]:
        """Identify the callers of calls that an older exporter has archived.

        Returns their keys, and when the first of these calls of each began.
        """
        since = calls.c.started_at > self._task.now - self._rules.expire
        unknown = select(calls.c.id, calls.c.started_at, calls.c.caller, calls.c.caller_hash).where(
            since, calls.c.caller_key.is_(None), calls.c.caller.not_in(("anonymous", ERASED))
        )
        found: dict[int, str] = {}
        begun: dict[str, int] = {}
        for row in self._connection.execute(unknown):
            key = self._key_of(row.caller, row.caller_hash)
            if key is not None:
                found[row.id] = key
                begun[key] = min(row.started_at, begun.get(key, row.started_at))
        if found:
            change = update(calls).where(calls.c.id == bindparam("call")).values(caller_key=bindparam("key"))
            self._connection.execute(change, [{"call": id_, "key": key} for id_, key in found.items()])
        return begun

    def _key_of(self, caller: str | None, caller_hash: str | None) -> str | None:
        if caller_hash is not None or is_masked(caller or ""):
            return caller_hash
        return (identity(caller) or None) if self._key is None else self._key.hash(caller)

    def _keys(self, *conditions: ColumnElement[bool]) -> set[str]:
        found = select(calls.c.caller_key).where(*conditions, calls.c.caller_key.is_not(None))
        return set(self._connection.scalars(found))

    def _follow(self, keys: Collection[str], earliest: float, span: float, state: State) -> None:
        """Follow these callers, whose calls since `earliest` may have changed (UNIX seconds).

        Only the calls of the `span` before that can matter (seconds).
        """
        before = {row.call_id: row for row in self._open_rows(keys)}
        ended: list[EndedCallBack] = []
        after: dict[int, OpenMissedCall] = {}
        for _, contacts in groupby(self._contacts(keys, earliest - span), key=lambda found: found[0]):
            until = min(state.until, self._task.now)  # a clock may have been ahead
            own, left = follow((contact for _, contact in contacts), self._rules, until)
            ended += own
            after |= {missed.call_id: missed for missed in left if self._task.now < missed.expires_at}
        self._count(ended, earliest, state)
        self._replace(before, after)

    def _contacts(self, keys: Collection[str], since: float) -> Iterator[tuple[str, Contact]]:
        """Yield the contacts of callers with their keys, by caller and time."""
        query = (
            select(calls)
            .where(calls.c.caller_key.in_(keys), calls.c.started_at > since, or_(MISSED, ANSWERED))
            .order_by(calls.c.caller_key, calls.c.started_at, calls.c.id)
        )
        for row in self._connection.execute(query):
            if self._counts(row):
                yield row.caller_key, _contact(row)

    def _counts(self, row: Any) -> bool:
        """Return whether a call is answered, or has to be called back."""
        return row.outcome != "missed" or row.missed_call_reason not in self._rules.ignore_reasons

    def _count(self, ended: Iterable[EndedCallBack], earliest: float, state: State) -> None:
        """Count the call-backs that no unknown call can change. Answers before `earliest` were counted."""
        first = max(state.since, self._removed_to)

        def is_new(each: EndedCallBack) -> bool:
            if each.result == "expired":
                return each.is_last or each.started_at > self._expired_before
            return earliest <= each.started_at <= state.until

        counted = [each for each in ended if each.started_at >= first and is_new(each)]
        for each in counted:
            for key, count in increments(each, self._task):
                self._totals[key] += count
        if counted:
            mark = update(calls).where(calls.c.id == bindparam("call")).values(call_back=bindparam("result"))
            marks = [{"call": each.call_id, "result": each.result} for each in counted]
            self._connection.execute(mark, marks)

    def _open_rows(self, keys: Collection[str]) -> Iterator[OpenMissedCall]:
        of_callers = select(calls.c.id).where(calls.c.caller_key.in_(keys))
        yield from open_missed_calls(self._connection, call_backs.c.call_id.in_(of_callers))

    def _add_anonymous(self, condition: ColumnElement[bool]) -> None:
        """Add the missed calls of anonymous callers, who cannot be called back."""
        missed = select(calls).where(condition, MISSED, calls.c.caller_key.is_(None), _NOT_ERASED)
        rows = filter(self._counts, self._connection.execute(missed))
        calls_left = (open_missed_call(_contact(row), row.id, self._rules, anonymous=True) for row in rows)
        found = {call.call_id: call for call in calls_left if self._task.now < call.expires_at}
        before = open_missed_calls(self._connection, call_backs.c.call_id.in_(found)) if found else ()
        self._replace({row.call_id: row for row in before}, found)

    def _replace(self, before: dict[int, OpenMissedCall], after: dict[int, OpenMissedCall]) -> None:
        """Replace rows of the table, and note the difference."""
        removed = before.keys() - after.keys()
        added = {id_: row for id_, row in after.items() if before.get(id_) != row}
        for ids in chunks(removed):
            self._connection.execute(delete(call_backs).where(call_backs.c.call_id.in_(ids)))
        put(self._connection, call_backs, [row._asdict() for row in added.values()])
        self._removed = (self._removed | removed) - added.keys()
        self._added |= added

    def _remove_expired(self) -> None:
        """Delete the missed calls that have expired by now. They are not shown any more."""
        for call_id in self._connection.scalars(_REMOVE_EXPIRED, {"now": math.floor(self._task.now)}):
            self._added.pop(call_id, None)
            self._removed.add(call_id)

    def _changes(self, whole: bool) -> CallBackChanges | None:
        if whole:
            return CallBackChanges(tuple(open_missed_calls(self._connection)), frozenset(), True)
        if not self._added and not self._removed:
            return None
        return CallBackChanges(tuple(self._added.values()), frozenset(self._removed), False)


def _contact(row: Any) -> Contact:
    missed = row.outcome == "missed"
    at = row.ended_at if missed else row.answered_at
    return Contact(
        row.id,
        row.started_at,
        row.started_at if at is None else at,
        row.direction,
        missed,
        row.number_id,
        bool(row.voicemail and not row.archived),
        row.call_back,
    )


def caller_keys(connection: Connection, call_ids: Collection[int]) -> set[str]:
    """Return the keys of the callers of these calls."""
    found: set[str] = set()
    for ids in chunks(call_ids):
        keys = select(calls.c.caller_key).where(calls.c.id.in_(ids), calls.c.caller_key.is_not(None))
        found |= set(connection.scalars(keys))
    return found


def open_missed_calls(connection: Connection, *conditions: ColumnElement[bool]) -> Iterator[OpenMissedCall]:
    """Yield the open missed calls of the table."""
    columns = [call_backs.c[name] for name in OpenMissedCall._fields]
    shared: dict[Any, Any] = {}  # equal ids and times are one object, because thousands stay in memory
    for *numbers, voicemail, anonymous in connection.execute(select(*columns).where(*conditions)):
        equal = (shared.setdefault(each, each) for each in numbers)
        yield OpenMissedCall._make((*equal, voicemail, anonymous))


def _between(after: float, until: float) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return calls.c.started_at > after, calls.c.started_at <= until
