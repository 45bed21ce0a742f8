"""Mask callers that were archived under a less strict configuration, one batch per transaction.

The archive records the most that is shown of any caller in it. If that is more than the configuration allows
now, all calls are processed in the order of their ids. Calls saved in the meantime are masked already.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, Row, bindparam, select, update

from exporter.account.caller_masking import format_caller
from exporter.archive import metadata_table
from exporter.archive.caller_identity import ERASED, is_masked
from exporter.archive.caller_key_file import CallerKey
from exporter.archive.schema import calls, comments, tags
from exporter.archive.search import group_by_call
from exporter.archive.text_index import digits_only, search_text
from exporter.config.settings import Caller

BATCH_SIZE = 1000
"""Calls that are processed in one transaction."""

_STRICTER: tuple[Caller, ...] = ("full", "masked", "hidden")
"""In order: each shows less than the previous one."""


class MaskingResult(NamedTuple):
    """Whether calls are left to process, and how many have been changed."""

    left: bool
    changed: int


class _MaskingState(msgspec.Struct, frozen=True):
    """The most that is shown of any caller. For `goal`, calls up to the id `reached` have been processed."""

    shown: Caller = "full"
    goal: Caller | None = None
    reached: int = -1
    changed: int = 0


def record_visibility(connection: Connection, shown: Iterable[Caller]) -> None:
    """Record how the callers that this transaction saves are shown."""
    noted = _noted(connection)
    most = _most(shown)
    if _is_stricter(noted.goal or noted.shown, most):
        _write(connection, _MaskingState(_most((most, noted.shown))))


def mask_next_batch(connection: Connection, how: Caller, key: CallerKey | None) -> MaskingResult:
    """Mask the next batch of calls, if the archive shows more than `how` of any caller."""
    noted = _noted(connection)
    if not _is_stricter(how, noted.shown):
        return MaskingResult(False, 0)
    if noted.goal != how:
        noted = _MaskingState(noted.shown, how)
    found = select(calls).where(calls.c.id > noted.reached).order_by(calls.c.id).limit(BATCH_SIZE)
    rows = connection.execute(found.with_for_update()).all()
    if not rows:
        _write(connection, _MaskingState(how))
        return MaskingResult(False, noted.changed)
    changes = list(_changes(connection, rows, how, key))
    if changes:
        columns = ("caller", "caller_digits", "caller_hash", "words")
        change = update(calls).where(calls.c.id == bindparam("call"))
        connection.execute(change.values({name: bindparam(f"new_{name}") for name in columns}), changes)
    _write(connection, replace(noted, reached=rows[-1].id, changed=noted.changed + len(changes)))
    return MaskingResult(True, 0)


def _changes(
    connection: Connection, rows: Sequence[Row[Any]], how: Caller, key: CallerKey | None
) -> Iterator[dict[str, object]]:
    these = rows[0].id, rows[-1].id
    tagged = select(tags.c.call_id, tags.c.name).where(tags.c.call_id.between(*these))
    tagged_with = group_by_call(connection, tagged.order_by(tags.c.name))
    texts_of = select(comments.c.call_id, comments.c.content).where(comments.c.call_id.between(*these))
    commented = group_by_call(connection, texts_of.order_by(comments.c.position))
    for row in rows:
        was = row.caller or ""
        caller = _hidden(was, row.caller_hash is not None or is_masked(was), how)
        if caller != was:
            is_whole = row.caller_hash is None and not is_masked(was)
            caller_hash = key.hash(was) if key is not None and is_whole else row.caller_hash
            texts = tagged_with.get(row.id, ()), commented.get(row.id, ())
            yield {
                "call": row.id,
                "new_caller": caller,
                "new_caller_digits": digits_only(caller),
                "new_caller_hash": caller_hash,
                "new_words": search_text(caller, row.missed_call_reason, *texts),
            }


def _hidden(caller: str, is_part: bool, how: Caller) -> str:
    """Return an archived caller with no more shown than `how`. `is_part` is whether it is masked already."""
    shows_less = caller in (ERASED, "hidden") or (how == "masked" and is_part)
    return caller if shows_less else format_caller(caller, how)


def _most(shown: Iterable[Caller]) -> Caller:
    present = set(shown)
    return next((each for each in _STRICTER if each in present), "hidden")


def _is_stricter(one: Caller, other: Caller) -> bool:
    return _STRICTER.index(one) > _STRICTER.index(other)


def _noted(connection: Connection) -> _MaskingState:
    return metadata_table.read(connection, metadata_table.CALLERS, _MaskingState) or _MaskingState()


def _write(connection: Connection, noted: _MaskingState) -> None:
    metadata_table.write(connection, metadata_table.CALLERS, noted)
