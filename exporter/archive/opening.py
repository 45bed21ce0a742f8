"""Which archive a command works on: as configured, or else one in a directory."""

from exporter.archive.database import sqlite_url
from exporter.archive.keyfile import key_file
from exporter.archive.store import Archive
from exporter.config import Storage


def opened(storage: Storage, directory: str, simulated: bool = False, exclusive: bool = False) -> Archive:
    """The archive as configured, or else in a directory; its key as configured, or else there too."""
    url = storage.url or sqlite_url(directory)
    return Archive(url, key_file(storage.key_file, directory), simulated, exclusive)


def opened_if_there(storage: Storage, directory: str) -> Archive:
    """The same where it has been made before. Raises ArchiveError where it has not."""
    url = storage.url or sqlite_url(directory, create=False)
    return Archive(url, key_file(storage.key_file, directory))
