"""Which archive a command works on: as configured, or else one in a directory."""

from sqlalchemy import make_url

from exporter.archive.caller_key_file import key_file
from exporter.archive.database import ArchiveError, sqlite_url
from exporter.archive.sqlite_files import file_of, file_problem
from exporter.archive.store import Archive
from exporter.config import Storage
from exporter.config_file import ConfigError


def opened(
    storage: Storage, directory: str, *, simulated: bool = False, exclusive: bool = False, create: bool = True
) -> Archive:
    """Return the archive as configured, or else in a directory; its key as configured, or else there too.

    Raises:
        ArchiveError: There is none and none is to be made (`create`).
        ConfigError: The address names a database that is not kept in a file.
    """
    url = storage.url or sqlite_url(directory, create)
    parsed = make_url(url)
    file = file_of(parsed)
    if not create and file is not None and not file.exists():
        raise ArchiveError(f"{file}: is no file, wanted the call archive of storage.url")
    if storage.url and parsed.get_backend_name() == "sqlite" and (problem := file_problem(parsed)):
        raise ConfigError("", "storage.url", problem)
    return Archive(url, key_file(storage.key_file, directory), simulated, exclusive)
