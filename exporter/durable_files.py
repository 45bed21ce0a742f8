"""Make files and directories survive a power loss. A file's name is durable only once its directory is."""

import os
from contextlib import suppress
from pathlib import Path


def make_directory(path: Path) -> None:
    """Create a private directory and its missing parents, and sync their names to disk. Raises OSError."""
    missing = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    for each in missing:
        sync_directory(each.parent)


def make_private_file(path: Path) -> None:
    """Create a file that only its owner can read, unless it exists. Raises OSError."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def sync_directory(path: Path) -> None:
    """Sync the names in a directory to disk, for files that were created, renamed or linked.

    Does nothing if the file system does not support it, or if the directory is not readable.
    """
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
