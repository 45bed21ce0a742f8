"""Watch the files of a SQLite archive, because SQLite continues to write to a deleted or replaced file."""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, event

from exporter.archive.database import ArchiveError, ReplacedError
from exporter.archive.wal_file import log_is_cut_off, size_of
from exporter.config.database_url import EXPECTED, IN_MEMORY, file_of, is_file_uri
from exporter.durable_files import make_private_file

SUFFIXES = ("", "-wal", "-shm")
"""How the names of the database, its log and its index end."""

Identity = tuple[tuple[int, int] | None, ...]
"""Device and inode of each of the three files; None for one that does not exist."""


def _create_private(url: URL) -> None:
    """Create the missing file of a SQLite archive so that only its owner can read it.

    SQLite would create it with the umask's permissions. Its log and its index get those of the file.
    Does nothing if the address forbids creation, or if the file cannot be created, which SQLite reports.
    """
    path = file_of(url)
    if path is not None and not {"mode=ro", "mode=rw"} & _options(url):
        with suppress(OSError):
            make_private_file(path)


def _options(url: URL) -> set[str]:
    """Return the options of a SQLite URI, such as `mode=ro`."""
    in_name = (url.database or "").partition("?")[2].split("&") if is_file_uri(url) else ()
    return {*in_name, *(f"{key}={value}" for key, value in url.query.items())}


def file_problem(url: URL) -> str:
    """Return why the SQLite database at `url` would not be kept in the file that the address names.

    This opens the database, because SQLite decodes addresses in ways of its own. Creates a missing file.
    Returns "" if there is no problem, or if the file cannot be opened now, which is reported when the archive
    is loaded.
    """
    path = file_of(url)
    is_new = path is not None and not path.exists()
    try:
        (address,), options = url.get_dialect()().create_connect_args(url)
        with closing(sqlite3.connect(address, **{**options, "timeout": 0})) as connection:
            name = connection.execute("PRAGMA database_list").fetchone()[2]
            (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    except sqlite3.Error:
        return ""
    except ValueError as error:
        return f"found a SQLite database whose name cannot be used: {error}, {EXPECTED}"
    if path is None or mode == "memory" or not name:
        return f"{IN_MEMORY}, {EXPECTED}"
    if not Path(name).is_file() or not path.exists() or not path.samefile(name):
        return f"found a SQLite database that SQLite keeps in {name} instead of {path}, {EXPECTED}"
    if is_new:
        path.chmod(0o600)
    return ""


class OpenFiles:
    """The files that the connections of an engine have open."""

    def __init__(self, engine: Engine, path: Path) -> None:
        """Check the files at `path` each time that a connection of `engine` is made or used."""
        self.path = path
        self._paths = tuple(Path(f"{path}{suffix}") for suffix in SUFFIXES)
        self._engine = engine
        self._open: set[int] = set()
        self._opened: Identity | None = None
        self._size = self._log_size = 0
        event.listen(engine, "do_connect", self._connecting)
        event.listen(engine, "connect", self._connected)
        event.listen(engine, "close", self._closed)
        event.listen(engine, "checkout", self._used)
        event.listen(engine, "checkin", self._returned)

    def release(self, create: bool) -> None:
        """Close the files, so that those at the path are opened next.

        Raises ArchiveError while a search still has them open and, unless `create`, if the path has no file.
        """
        opened = self._opened
        self._engine.dispose()
        if self._open:
            raise ArchiveError(f"{self.path}: has been replaced, and a search still has the old file open")
        if opened is not None:
            self._remove_leftovers(opened)
        self._opened, self._size, self._log_size = None, 0, 0
        if not create and not self.path.exists():
            raise ArchiveError(f"{self.path}: has been deleted")

    def _remove_leftovers(self, opened: Identity) -> None:
        """Remove the log and the index of a file that was replaced: they would damage the new one."""
        now = self._identity()
        if now[0] == opened[0]:
            return
        for suffix, found, ours in zip(SUFFIXES[1:], now[1:], opened[1:], strict=True):
            if found is not None and found == ours:
                Path(f"{self.path}{suffix}").unlink(missing_ok=True)

    def _connecting(self, *_: object) -> None:
        """Check the file before SQLite opens it, because SQLite would create a missing one."""
        if self._opened is None:
            _create_private(self._engine.url)
            return
        if self._opened[0] != self._identity()[0]:
            raise ReplacedError(self._problem())
        if not self._open:  # SQLite has removed its log and its index with the last connection
            self._opened = self._opened[0], None, None

    def _connected(self, connection: Any, _: object) -> None:
        self._open.add(id(connection))

    def _closed(self, connection: Any, _: object) -> None:
        self._open.discard(id(connection))

    def _used(self, connection: Any, *_: object) -> None:
        now, (size, log) = self._identity(), self._sizes()
        if self._opened is not None:
            cut_off = size < self._size and size < _size_by_sqlite(connection)
            cut_off = cut_off or (log < self._log_size and log_is_cut_off(self.path))
            if cut_off or now != _known(self._opened, now):
                raise ReplacedError(self._problem())
        self._opened, self._size, self._log_size = now, size, log

    def _returned(self, *_: object) -> None:
        """Note how long the log is after a transaction. A shorter one is examined at the next use."""
        self._log_size = max(self._log_size, self._sizes()[1])

    def _problem(self) -> str:
        for name, found, ours in zip(self._paths, self._identity(), self._opened or (), strict=False):
            if ours is not None and found != ours:
                return f"{name} has been {'deleted' if found is None else 'replaced'}"
        suffix = "-wal" if self._sizes()[1] < self._log_size else ""
        return f"{self.path}{suffix} has been cut off"

    def _identity(self) -> Identity:
        return tuple(map(_identity, self._paths))

    def _sizes(self) -> tuple[int, int]:
        """Return the sizes of the database and its log in bytes."""
        database, log, _ = map(size_of, self._paths)
        return database, log


def _size_by_sqlite(connection: Any) -> int:
    """Return the size in bytes after the last transaction. `VACUUM` makes a file smaller, too."""
    (pages,), (page_size,) = (
        connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size")
    )
    return int(pages) * int(page_size)


def _known(opened: Identity, now: Identity) -> Identity:
    """Return the opened files, with the log and the index that SQLite created since."""
    return tuple(new if old is None else old for old, new in zip(opened, now, strict=True))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
