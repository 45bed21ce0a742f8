"""Making files and directories survive a power loss: a file's name is safe only once its directory is."""

import os
from contextlib import suppress
from pathlib import Path


def make_directory(path: Path) -> None:
    """Create a directory and its missing parents, and write their names to disk. Raises OSError."""
    missing = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for each in missing:
        sync_directory(each.parent)


def sync_directory(path: Path) -> None:
    """Write the names in a directory to disk: of files created, renamed or linked before.

    Does nothing if the file system does not support that, or the directory may not be read.
    """
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
