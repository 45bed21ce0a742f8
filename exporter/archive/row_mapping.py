"""Convert records to rows of the archive's tables, and back."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from exporter.account.recorded_steps import CallStep
from exporter.account.records import CallRecord, CountedCall
from exporter.account.times_in_state import TimeInState
from exporter.aircall.menus import MenuTimes
from exporter.aircall.models import Call, Ref
from exporter.archive.caller_privacy import Callers
from exporter.archive.text_index import digits_only, search_text
from exporter.text import storable

T = TypeVar("T", str, str | None)

Row = dict[str, Any]

MAX_TAG_LENGTH = 500
"""Maximum length of a tag, because PostgreSQL limits the size of index entries."""


def call_row(record: CallRecord, callers: Callers, removed_to: int) -> Row:
    """Return the row of a call. Calls that started before `removed_to` (UNIX seconds) are counted."""
    call, details = record.call, record.details
    caller, reason = _text(callers.shown(record)), _text(call.missed_call_reason)
    return {
        "id": call.id,
        "direction": call.direction,
        "status": call.phase,
        "outcome": call.outcome if call.phase == "done" else None,
        "missed_call_reason": reason,
        "started_at": call.started_at,
        "answered_at": call.answered_at,
        "ended_at": call.ended_at,
        "left_menu_at": call.left_menu_at,
        "user_id": call.user.id if call.user else None,
        "number_id": call.number.id if call.number else None,
        "caller": caller,
        "caller_digits": digits_only(caller),
        "caller_hash": callers.hash(record),
        "caller_key": callers.key_of(record),
        "asset": _text(details.asset),
        "recorded": details.recording is not None,
        "voicemail": details.voicemail is not None,
        "archived": details.archived,
        "counted": call.started_at < removed_to,
        "counted_for_teams": call.started_at < removed_to,
        "assigned_to_id": details.assigned_to_id,
        "words": search_text(caller, reason, _tags(record), (content for _, content in _comments(record))),
    }


def _tags(record: CallRecord) -> list[str]:
    return sorted({_text(name)[:MAX_TAG_LENGTH] for name in record.details.tag_names})


def _comments(record: CallRecord) -> Iterator[tuple[int | None, str]]:
    """Yield the time and the text of each comment."""
    for comment in record.details.comments or ():
        yield comment.time, _text(comment.content)


def tag_rows(records: Iterable[CallRecord]) -> list[Row]:
    """Return the rows of the calls' tags."""
    return [{"call_id": r.call.id, "name": name} for r in records for name in _tags(r)]


def comment_rows(records: Iterable[CallRecord]) -> list[Row]:
    """Return the rows of the calls' comments."""
    return [
        {"call_id": r.call.id, "position": position, "posted_at": posted_at, "content": content}
        for r in records
        for position, (posted_at, content) in enumerate(_comments(r))
    ]


def _text(text: T) -> T:
    """Return a text as databases can store it. Returns None unchanged."""
    return storable(text) if text else text


def name_rows(names: Mapping[tuple[str, str], str]) -> list[Row]:
    """Return the rows of names, by kind and id."""
    return [{"kind": kind, "id": id_, "name": _text(name)} for (kind, id_), name in names.items()]


def step_rows(steps: Iterable[CallStep]) -> list[Row]:
    """Return the rows of steps of calls."""
    return [step._asdict() | {"user_id": step.user_id or 0, "detail": _text(step.detail)} for step in steps]


def time_rows(times: Iterable[TimeInState]) -> list[Row]:
    """Return the rows of the time in states."""
    return [time._asdict() | {"team_ids": json.dumps(list(map(_text, time.team_ids)))} for time in times]


def team_rows(additions: Iterable[CountedCall]) -> list[Row]:
    """Return the teams of calls, which follow from the totals that they add to."""
    return [
        {"call_id": addition.call.id, "team_id": ids[0], "inferred": False}
        for addition in additions
        for (family, *ids), _ in addition.increments
        if family == "team_calls"
    ]


def call_of(row: Any) -> Call:
    """Return the call of a row, with the fields that counting needs."""
    return Call(
        row.id,
        row.direction,
        row.status,
        row.started_at,
        row.answered_at,
        row.ended_at,
        row.missed_call_reason,
        row.caller,
        None if row.user_id is None else Ref(row.user_id),
        None if row.number_id is None else Ref(row.number_id),
        menus=menu_times(row.left_menu_at, row.outcome),
    )


def menu_times(left_menu_at: int | None, outcome: str | None) -> MenuTimes | None:
    """Return what a row says about the caller's menus, or None if that is nothing."""
    if left_menu_at is None and outcome != "ai_agent":
        return None
    return MenuTimes(left_at=left_menu_at or 0, ai_agent=outcome == "ai_agent")
