"""Detect that the database was replaced by another one or by an older copy.

Each exporter that loads an archive writes a row of its own, whose number grows with each transaction. The row
is missing in a database that was recreated, and its number is too low in one that was restored. `integrity`
detects a database of which only a part is lost.
"""

import secrets

import msgspec
from sqlalchemy import Connection, delete, select

from exporter.archive import integrity, metadata_table
from exporter.archive.database import ReplacedError
from exporter.archive.schema import state as notes

ROW_RETENTION_S = 7 * 86_400.0
"""Seconds for which the row of an exporter that ended stays."""

MAX_ROWS = 200
"""Maximum number of rows after a load. A crash loop would otherwise add thousands."""

_PREFIX = "session:"
_IS_SESSION = notes.c.name.startswith(_PREFIX)


class _Written(msgspec.Struct, frozen=True):
    """The number of the last transaction, and when it was (UNIX seconds)."""

    number: int
    at: float


class Session:
    """The row of this exporter, and the numbers that it may have."""

    def __init__(self) -> None:
        self._name = _PREFIX + secrets.token_hex(8)
        self._possible: set[int] = set()
        """The number committed last, and those of commits whose result is unknown."""

    def begin(self, connection: Connection, at: float) -> None:
        """Write the row when the archive is loaded, `at` being UNIX seconds, and remove old ones."""
        rows = connection.execute(select(notes.c.name, notes.c.value).where(_IS_SESSION)).all()
        ages = {row.name: abs(at - msgspec.json.decode(row.value, type=_Written).at) for row in rows}
        recent = [name for name, age in ages.items() if age <= ROW_RETENTION_S]
        kept = {self._name, *sorted(recent, key=ages.__getitem__)[: MAX_ROWS - 1]}
        if ages.keys() - kept:
            connection.execute(delete(notes).where(_IS_SESSION, notes.c.name.not_in(kept)))
        self._write(connection, at)

    def go_on(self, connection: Connection, at: float) -> None:
        """Write the next number. Raises ReplacedError if the row is not as it was written last."""
        if not integrity.has_all_tables(connection):
            raise ReplacedError("some or all of its tables are missing")
        written = metadata_table.read(connection, self._name, _Written)
        if written is None:
            raise ReplacedError("it does not contain what this exporter has written")
        if written.number not in self._possible:
            raise ReplacedError("it is an older copy of what this exporter has written")
        if not integrity.is_whole(connection):
            raise ReplacedError("rows that this exporter has saved are missing")
        self._write(connection, at)

    def committed(self) -> None:
        """Record that the transaction was committed: only its number is possible now."""
        self._possible = {max(self._possible)}

    def _write(self, connection: Connection, at: float) -> None:
        number = 1 + max(self._possible, default=0)
        self._possible.add(number)
        metadata_table.write(connection, self._name, _Written(number, at))
