"""The secret that callers' numbers are hashed with: a number that is not kept can still be found again.

Whoever has the secret and the hashes can try all numbers, of which there are few. So the secret lies beside
the archive and not in it: a copy of the database alone gives nobody's number away.
"""

import hashlib
import hmac
import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from exporter.archive.database import ArchiveError
from exporter.archive.text_index import digits_only
from exporter.durable import make_directory, sync_directory

NAME = "caller.key"
"""The file under --storage.path."""

LEAST = 32
"""Signs that a secret has at least."""


class CallerKey:
    """A secret, and what can be told with it."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def hash(self, number: str | None) -> str | None:
        """Tells a number by its digits, however it is written; none where it has none."""
        found = digits_only(number or "")
        return self._told(found) if found else None

    @property
    def fingerprint(self) -> str:
        """Tells this key from any other."""
        return self._told("fingerprint")

    def _told(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()


class KeyFile:
    """The file that holds the secret."""

    def __init__(self, path: Path, made_here: bool) -> None:
        """Take the file at `path`, to be made where it is missing if it is `made_here`."""
        self.path, self.made_here = path, made_here

    def read(self) -> CallerKey:
        """Raises ArchiveError where it is missing or holds no secret."""
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
                    file.write(f"{secrets.token_hex(LEAST)}\n")
                    file.flush()
                    os.fsync(descriptor)
                with suppress(FileExistsError):
                    os.link(name, self.path)  # whole or not at all, and never over another's
                sync_directory(self.path.parent)
            finally:
                Path(name).unlink()
        except OSError as error:
            raise ArchiveError(
                f"{self.path}: cannot be made: {error.strerror}; name a key by storage.key_file"
            ) from None


def key_file(configured: str, directory: str) -> KeyFile:
    """The file that is configured, or else the one that is made in a directory."""
    return KeyFile(Path(configured), False) if configured else KeyFile(Path(directory) / NAME, True)


def key_problem(path: Path) -> str:
    """What is wrong with a file as a key; nothing where it is fine."""
    try:
        length = len(path.read_text(encoding="utf-8").strip())
    except UnicodeDecodeError:
        return "is not UTF-8 text"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return f"holds {length} signs, wanted at least {LEAST}" if length < LEAST else ""
