"""Keep what the archive knows about callers' menus: a later version of a call may not say it again.

Events are sent once, and call timelines end after two months.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from msgspec.structs import replace as with_fields
from sqlalchemy import Connection, Select, bindparam, exists, or_, select

from exporter.account.records import CallRecord
from exporter.aircall.menus import MenuTimes, merged
from exporter.archive.row_mapping import menu_times
from exporter.archive.schema import calls

_HAS_MENUS = or_(calls.c.left_menu_at.is_not(None), calls.c.outcome == "ai_agent")
_MENUS = select(calls.c.id, calls.c.left_menu_at, calls.c.outcome).where(_HAS_MENUS)
# Building a statement takes longer than executing it, and most saves execute this one.
_MENUS_OF = _MENUS.where(calls.c.id.in_(bindparam("ids", expanding=True)))


def with_known_menus(connection: Connection, records: Sequence[CallRecord]) -> list[CallRecord]:
    """Return the records with what the archive knows about the menus of their calls."""
    known = _found(connection, _MENUS_OF, ids=[record.call.id for record in records])
    return [_completed(record, known.get(record.call.id)) for record in records]


def menus_of_active_calls(connection: Connection) -> Mapping[int, MenuTimes]:
    """Return what the archive knows about the menus of calls that are not done, by id."""
    return _found(connection, _MENUS.where(calls.c.status != "done"))


def has_menus(connection: Connection) -> bool:
    """Return whether the archive knows of any call when the caller left a menu."""
    return bool(connection.scalar(select(exists().where(calls.c.left_menu_at.is_not(None)))))


def _found(connection: Connection, query: Select[Any], **parameters: object) -> dict[int, MenuTimes]:
    rows: Any = connection.execute(query, parameters)
    found = {row.id: menu_times(row.left_menu_at, row.outcome) for row in rows}
    return {id_: menus for id_, menus in found.items() if menus is not None}


def _completed(record: CallRecord, known: MenuTimes | None) -> CallRecord:
    own = record.call.menus
    if own is not None and own.left_at:
        return record  # a report of the caller's choice is better than the moment of a ring
    menus = merged(own, known)
    return record if menus == own else replace(record, call=with_fields(record.call, menus=menus))
