"""List the callers who are to be called back, for a command and the API."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

import msgspec
from sqlalchemy import Connection, inspect, select

from exporter.account.call_backs import OpenMissedCall
from exporter.archive.call_backs import open_missed_calls
from exporter.archive.database import ArchiveError
from exporter.archive.filters import ids_called, ids_of
from exporter.archive.parameter_chunks import chunks
from exporter.archive.schema import call_backs, calls, teams
from exporter.archive.search import group_by_call
from exporter.archive.views import history, team_names

CALLERS_AT_ONCE = 100
"""Callers who are read from the archive at the same time."""


class CallBack(msgspec.Struct, frozen=True, kw_only=True):
    """A missed caller who has not talked to a user since. Times are UNIX seconds, durations seconds."""

    caller: str
    number: str
    """The number that they called first."""
    numbers: tuple[str, ...]
    """All numbers that they have called."""
    teams: tuple[str, ...]
    """The teams that their missed calls have counted for."""
    missed: int
    """How many of their calls were missed."""
    first_missed_at: int
    last_missed_at: int
    reason: str
    """Why the last call was missed."""
    longest_wait: int
    """The longest of their waits."""
    attempts: int
    """Calls to them that they have not answered since the first missed call."""
    last_attempt_at: int | None
    voicemail: bool
    """Whether they left a voicemail that is not archived."""
    archived: bool
    """Whether their last call is archived."""
    assigned_to: str
    """The user to whom the last call is assigned."""
    call_id: int
    """Their last missed call."""
    asset: str
    """The page of the last voicemail in Aircall."""


class CallBackList(msgspec.Struct, frozen=True):
    """The callers who are to be called back, oldest first."""

    call_backs: tuple[CallBack, ...]
    total: int
    """How many there are, whatever the limit is."""
    voicemails: int
    """How many of them left a voicemail that is not archived."""
    oldest_missed_at: int | None
    anonymous: int
    """Missed calls of anonymous callers, who cannot be called back."""


@dataclass(frozen=True)
class _Caller:
    """The open missed calls of one caller, oldest first."""

    missed: Sequence[OpenMissedCall]

    @property
    def voicemail(self) -> bool:
        return any(call.voicemail for call in self.missed)


def list_call_backs(
    connection: Connection,
    now: float,
    numbers: Sequence[str] = (),
    named_teams: Sequence[str] = (),
    limit: int | None = None,
) -> CallBackList:
    """List the open call-backs.

    Args:
        connection: A connection to the archive.
        now: The present time (UNIX seconds).
        numbers: Only callers who called one of these numbers, by name or id.
        named_teams: Only callers whose missed calls have counted for one of these teams, by name or id.
        limit: How many are listed.

    Raises:
        ArchiveError: The archive is that of an older exporter.
    """
    if not inspect(connection).has_table(call_backs.name):
        raise ArchiveError("the archive has no call-backs yet; the exporter creates them when it starts")
    left = list(open_missed_calls(connection, call_backs.c.expires_at > now))
    chosen = _chosen(connection, left, numbers, named_teams)
    callers = [
        caller
        for caller in _by_caller(call for call in left if not call.anonymous)
        if now >= caller.missed[0].open_from and any(call.call_id in chosen for call in caller.missed)
    ]
    callers.sort(key=lambda caller: (caller.missed[0].missed_at, caller.missed[0].call_id))
    return CallBackList(
        tuple(_listed(connection, callers[:limit])),
        len(callers),
        sum(caller.voicemail for caller in callers),
        callers[0].missed[0].missed_at if callers else None,
        sum(call.anonymous and call.call_id in chosen for call in left),
    )


def _chosen(
    connection: Connection, left: Iterable[OpenMissedCall], numbers: Sequence[str], named: Sequence[str]
) -> set[int]:
    """Return the ids of the missed calls on these numbers and of these teams."""
    chosen = {call.call_id: call.number_id for call in left}
    if numbers:
        ids = ids_of(connection, "number", numbers)
        chosen = {call_id: number for call_id, number in chosen.items() if number in ids}
    if not named:
        return set(chosen)
    team_ids = {*ids_called(connection, "team", named), *named}
    of_teams = select(teams.c.call_id).where(teams.c.team_id.in_(team_ids))
    found = set[int]()
    for ids_ in chunks(chosen):
        found |= set(connection.scalars(of_teams.where(teams.c.call_id.in_(ids_))))
    return found


def _by_caller(missed: Iterable[OpenMissedCall]) -> Iterator[_Caller]:
    ordered = sorted(missed, key=lambda call: (call.last_call_id, call.started_at, call.call_id))
    for _, of_caller in groupby(ordered, key=attrgetter("last_call_id")):
        yield _Caller(tuple(of_caller))


def _listed(connection: Connection, callers: Sequence[_Caller]) -> Iterator[CallBack]:
    for some in chunks(callers, CALLERS_AT_ONCE):
        ids = [call.call_id for caller in some for call in caller.missed]
        rows: dict[int, Any] = {}
        in_teams: dict[int, list[str]] = {}
        for part in chunks(ids):
            found = (
                select(history, calls.c.caller_key)
                .join(calls, calls.c.id == history.c.id)
                .where(history.c.id.in_(part))
            )
            rows |= {row.id: row for row in connection.execute(found)}
            named = select(team_names.c.call_id, team_names.c.name).where(team_names.c.call_id.in_(part))
            in_teams |= group_by_call(connection, named)
        keys = {rows[caller.missed[0].call_id].caller_key for caller in some}
        attempts = _attempts(connection, keys, min(caller.missed[0].started_at for caller in some))
        for caller in some:
            yield _call_back(caller, [rows[call.call_id] for call in caller.missed], in_teams, attempts)


def _call_back(
    caller: _Caller,
    rows: Sequence[Any],
    in_teams: dict[int, list[str]],
    attempts: dict[str, list[int]],
) -> CallBack:
    first, last = rows[0], rows[-1]
    voicemails = [row.asset for row in rows if row.voicemail and row.asset]
    tried = [at for at in attempts.get(first.caller_key, ()) if at >= first.started_at]
    return CallBack(
        caller=last.caller or "",
        number=first.number_name,
        numbers=tuple(dict.fromkeys(row.number_name for row in rows)),
        teams=tuple(sorted({name for row in rows for name in in_teams.get(row.id, ())})),
        missed=len(rows),
        first_missed_at=caller.missed[0].missed_at,
        last_missed_at=caller.missed[-1].missed_at,
        reason=last.missed_call_reason or "",
        longest_wait=max(_wait(row) for row in rows),
        attempts=len(tried),
        last_attempt_at=max(tried, default=None),
        voicemail=caller.voicemail,
        archived=bool(last.archived),
        assigned_to=last.assigned_to,
        call_id=last.id,
        asset=voicemails[-1] if voicemails else "",
    )


def _wait(row: Any) -> int:
    """Return the seconds that the caller of a missed call waited for a person."""
    begun = row.started_at if row.left_menu_at is None else row.left_menu_at
    return max(0, row.ended_at - begun) if row.ended_at is not None else 0


def _attempts(connection: Connection, keys: Collection[str], since: int) -> dict[str, list[int]]:
    """Return the starts of unanswered outbound calls to these callers since `since`, by caller."""
    tried: defaultdict[str, list[int]] = defaultdict(list)
    query = select(calls.c.caller_key, calls.c.started_at).where(
        calls.c.caller_key.in_(keys),
        calls.c.started_at >= since,
        calls.c.direction == "outbound",
        calls.c.outcome == "unanswered",
    )
    for row in connection.execute(query):
        tried[row.caller_key].append(row.started_at)
    return tried
