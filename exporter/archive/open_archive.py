"""Open the configured archive, or else the one in a directory."""

from sqlalchemy import make_url

from exporter.archive.caller_key_file import key_file
from exporter.archive.database import ArchiveError, sqlite_url
from exporter.archive.sqlite_files import file_problem
from exporter.archive.store import Archive
from exporter.config.database_url import file_of
from exporter.config.settings import Storage
from exporter.config.yaml_file import ConfigError


def opened(
    storage: Storage, directory: str, *, simulated: bool = False, exclusive: bool = False, create: bool = True
) -> Archive:
    """Return the configured archive, or else the one in `directory`. The same applies to its key.

    Raises:
        ArchiveError: There is no archive, and `create` is False.
        ConfigError: SQLite would not save the database in the file of the address.
    """
    url = storage.url or sqlite_url(directory, create)
    parsed = make_url(url)
    file = file_of(parsed)
    if not create and file is not None and not file.exists():
        raise ArchiveError(f"{file}: file not found, expected the call archive of storage.url")
    if storage.url and parsed.get_backend_name() == "sqlite" and (problem := file_problem(parsed)):
        raise ConfigError("", "storage.url", problem)
    return Archive(url, key_file(storage.key_file, directory), simulated, exclusive)
