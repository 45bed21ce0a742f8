"""Which archive a command works on: as configured, or else one in a directory."""

from sqlalchemy import make_url

from exporter.archive.database import ArchiveError, sqlite_url
from exporter.archive.files import file_of
from exporter.archive.keyfile import key_file
from exporter.archive.store import Archive
from exporter.config import Storage


def opened(
    storage: Storage, directory: str, *, simulated: bool = False, exclusive: bool = False, create: bool = True
) -> Archive:
    """The archive as configured, or else in a directory; its key as configured, or else there too.

    Raises ArchiveError if there is none and none is to be made (`create`).
    """
    url = storage.url or sqlite_url(directory, create)
    file = file_of(make_url(url))
    if not create and file is not None and not file.exists():
        raise ArchiveError(f"{file}: is no file, wanted the call archive of storage.url")
    return Archive(url, key_file(storage.key_file, directory), simulated, exclusive)
