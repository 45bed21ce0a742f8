"""Detect that the log of a SQLite database was cut off while the database was in use.

SQLite would continue to write at the old end of the log, and later copy the gap into the database.
"""

import os
import struct
from pathlib import Path

_HEADER_SIZE = 32
_FRAME_HEADER_SIZE = 24
_INDEX_HEADER = struct.Struct("=14xHI")
"""The index: the size of a page, and the number of frames in the log (https://sqlite.org/walformat.html)."""
_LARGEST_PAGE = 65_536
"""The index has 1 for it."""

_indexes: dict[tuple[int, int], int] = {}
"""By device and inode: the descriptors of indexes that were read.

They are never closed. Closing one would release the locks that SQLite holds on the file in this process
(fcntl(2)), and another process would then make the file shorter, although this one has mapped it.
"""


def size_of(file: Path) -> int:
    """Return the size of a file in bytes; 0 if there is none."""
    try:
        return file.stat().st_size
    except OSError:
        return 0


def log_is_cut_off(path: Path) -> bool:
    """Return whether the log of the database at `path` is shorter than its index says.

    Returns False if there is no index, or if it changes meanwhile. Call this only if the log has become
    shorter, as it also does if another process copies it into the database.
    """
    before = _index_header(path)
    size = size_of(Path(f"{path}-wal"))
    if before is None or _index_header(path) != before:
        return False
    page_size, frames = before
    page_size = _LARGEST_PAGE if page_size == 1 else page_size
    return bool(frames) and size < _HEADER_SIZE + frames * (_FRAME_HEADER_SIZE + page_size)


def _index_header(path: Path) -> tuple[int, int] | None:
    index = Path(f"{path}-shm")
    try:
        found = index.stat()
        key = found.st_dev, found.st_ino
        if key not in _indexes:
            _indexes[key] = os.open(index, os.O_RDONLY | os.O_CLOEXEC)
        page_size, frames = _INDEX_HEADER.unpack(os.pread(_indexes[key], _INDEX_HEADER.size, 0))
    except (OSError, struct.error):
        return None
    return page_size, frames
