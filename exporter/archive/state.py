"""What the archive notes of itself: single values by name."""

from typing import TypeVar

import msgspec
from sqlalchemy import Connection, select, update

from exporter.archive.records import Progress
from exporter.archive.schema import state

T = TypeVar("T")

PROGRESS, WISHES, SERVED, DOING = "progress", "wishes", "served", "doing"
CALLER_KEY, CALLERS = "caller_key", "callers"


def progress(connection: Connection) -> Progress | None:
    """How far reading has come; none before the calls were read whole for the first time."""
    return read(connection, PROGRESS, Progress)


def read(connection: Connection, name: str, kind: type[T]) -> T | None:
    """A value, none where none was written."""
    value = connection.scalar(select(state.c.value).where(state.c.name == name))
    return None if value is None else msgspec.json.decode(value, type=kind)


def write(connection: Connection, name: str, value: object) -> None:
    text = msgspec.json.encode(value).decode()
    if connection.execute(update(state).where(state.c.name == name).values(value=text)).rowcount == 0:
        connection.execute(state.insert().values(name=name, value=text))
