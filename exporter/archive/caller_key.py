"""Check that an archive's callers are always hashed with the same key, so that they can be found again."""

import hmac

from sqlalchemy import Connection, inspect

from exporter.archive import metadata_table
from exporter.archive.caller_key_file import CallerKey, KeyFile
from exporter.archive.database import ArchiveError
from exporter.archive.schema import state as notes


def claim(connection: Connection, file: KeyFile) -> CallerKey:
    """Return the key of an archive that is being loaded. The first key stays. Raises ArchiveError."""
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
    """Return the key that callers are hashed with. Raises ArchiveError if the file has another key."""
    noted = metadata_table.read(connection, metadata_table.CALLER_KEY, str)
    if noted is None:
        raise ArchiveError("the archive has no caller key yet; the exporter creates it when it starts")
    key = file.read()
    if not hmac.compare_digest(key.fingerprint, noted):
        raise ArchiveError(
            f"{file.path}: found another key than the one that the archive's callers are hashed with;"
            " restore that one, or configure it as storage.key_file"
        )
    return key
