"""Read and create the secret that callers' numbers are hashed with, so that hidden callers can be found.

With the secret and the hashes, all numbers can be tried, because there are few. So the secret is in a file
and not in the archive: a copy of the database alone reveals no number.
"""

import hashlib
import hmac
import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from exporter.archive.caller_identity import identity
from exporter.archive.database import ArchiveError
from exporter.config.environment import MIN_SECRET_LENGTH, key_problem
from exporter.durable_files import make_directory, sync_directory

NAME = "caller.key"
"""The file under --storage.path."""


class CallerKey:
    """A secret, and the hashes that it makes."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def hash(self, caller: str | None) -> str | None:
        """Return the hash of a caller, or None if the text identifies no caller."""
        found = identity(caller)
        return self._hmac(found) if found else None

    @property
    def fingerprint(self) -> str:
        """A hash that identifies this key."""
        return self._hmac("fingerprint")

    def _hmac(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()


class KeyFile:
    """The file that holds the secret."""

    def __init__(self, path: Path, made_here: bool) -> None:
        """Use the file at `path`. A missing one is created if it is `made_here`."""
        self.path, self.made_here = path, made_here

    def read(self) -> CallerKey:
        """Return the key. Raises ArchiveError if the file is missing or has no secret."""
        if problem := key_problem(self.path):
            raise ArchiveError(f"the key of the archive's callers: {self.path} {problem}")
        return CallerKey(self.path.read_text(encoding="utf-8").strip())

    def make(self) -> None:
        """Create the file if it is missing and not configured. Raises ArchiveError.

        It is on disk before a caller is hashed with it.
        """
        if self.path.exists() or not self.made_here:
            return
        try:
            make_directory(self.path.parent)
            descriptor, name = tempfile.mkstemp(dir=self.path.parent)
            try:
                with os.fdopen(descriptor, "w") as file:
                    file.write(f"{secrets.token_hex(MIN_SECRET_LENGTH)}\n")
                    file.flush()
                    os.fsync(descriptor)
                with suppress(FileExistsError):
                    os.link(name, self.path)  # atomic, and never replaces an existing file
                sync_directory(self.path.parent)
            finally:
                Path(name).unlink()
        except OSError as error:
            raise ArchiveError(
                f"{self.path}: cannot be created: {error.strerror}; configure a key as storage.key_file"
            ) from None


def key_file(configured: str, directory: str) -> KeyFile:
    """Return the configured file, or else the one in `directory`, which may be created."""
    return KeyFile(Path(configured), False) if configured else KeyFile(Path(directory) / NAME, True)
