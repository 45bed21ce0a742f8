"""Write the file with the webhook's token atomically, readable only by its owner."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from exporter.durable_files import make_directory, sync_directory

NAME = "webhook.token"
"""The file under --storage.path."""


class TokenFile:
    """Adds a new token before the existing one, which stays valid until the user removes it.

    Entering the context ensures that the file can be written. Raises OSError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Self:
        make_directory(self.path.parent)
        self.before = self.path.read_text(encoding="utf-8").split()[:1] if self.path.exists() else []
        handle, new = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)  # mode 0600
        self._handle, self._new = handle, new
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with suppress(OSError):
            os.close(self._handle)
        with suppress(FileNotFoundError):
            Path(self._new).unlink()

    def put(self, token: str) -> None:
        """Write the new token to disk."""
        os.write(self._handle, "".join(f"{line}\n" for line in (token, *self.before)).encode())
        os.fsync(self._handle)
        Path(self._new).replace(self.path)
        sync_directory(self.path.parent)
