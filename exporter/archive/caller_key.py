"""Which key an archive's callers are hashed with: always the same, else nobody would be found again."""

import hmac

from sqlalchemy import Connection, inspect

from exporter.archive import metadata_table
from exporter.archive.caller_key_file import CallerKey, KeyFile
from exporter.archive.database import ArchiveError
from exporter.archive.schema import state as notes


def claim(connection: Connection, file: KeyFile) -> CallerKey:
    """The key of an archive that is being opened; the first one holds from then on. Raises ArchiveError."""
    if metadata_table.read(connection, metadata_table.CALLER_KEY, str) is None:
        file.make()
        metadata_table.write(connection, metadata_table.CALLER_KEY, file.read().fingerprint)
    return key_of(connection, file)


def require_key(connection: Connection, file: KeyFile) -> None:
    """Raise ArchiveError if `claim` would do so for what the file holds. The table `state` may be missing."""
    known = inspect(connection).has_table(notes.name)
    if known and metadata_table.read(connection, metadata_table.CALLER_KEY, str) is not None:
        key_of(connection, file)
    elif not file.made_here:
        file.read()


def key_of(connection: Connection, file: KeyFile) -> CallerKey:
    """The key that an archive's callers are hashed with. Raises ArchiveError where the file is another."""
    noted = metadata_table.read(connection, metadata_table.CALLER_KEY, str)
    if noted is None:
        raise ArchiveError("the archive has no caller key yet; the exporter makes it when it starts")
    key = file.read()
    if not hmac.compare_digest(key.fingerprint, noted):
        raise ArchiveError(
            f"{file.path}: is another key than the one that the archive's callers are hashed with;"
            " put that one back, or name it by storage.key_file"
        )
    return key
