"""Which archive a command works on: as configured, or else one in a directory."""

from exporter.archive.database import sqlite_url
from exporter.archive.keyfile import key_file
from exporter.archive.store import Archive
from exporter.config import Storage


def opened(
    storage: Storage, directory: str, *, simulated: bool = False, exclusive: bool = False, create: bool = True
) -> Archive:
    """The archive as configured, or else in a directory; its key as configured, or else there too.

    Raises ArchiveError where the directory has none and none is to be made (`create`).
    """
    url = storage.url or sqlite_url(directory, create)
    return Archive(url, key_file(storage.key_file, directory), simulated, exclusive)
