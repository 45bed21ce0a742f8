"""Detect that the log of a SQLite database was cut off while the database was in use.

SQLite would continue to write at the old end of the log, and later copy the gap into the database.
"""

import struct
from pathlib import Path

_HEADER_SIZE = 32
_FRAME_HEADER_SIZE = 24
_INDEX_HEADER = struct.Struct("=14xHI")
"""The index: the size of a page, and the number of frames in the log (https://sqlite.org/walformat.html)."""
_LARGEST_PAGE = 65_536
"""The index has 1 for it."""


def is_cut_off(path: Path) -> bool:
    """Return whether the log of the database at `path` is shorter than its index says.

    Returns False if there is no log or no index, or if the index changes meanwhile.
    """
    before = _index_header(path)
    try:
        size = Path(f"{path}-wal").stat().st_size
    except OSError:
        return False
    if before is None or _index_header(path) != before:
        return False
    page_size, frames = before
    page_size = _LARGEST_PAGE if page_size == 1 else page_size
    return bool(frames) and size < _HEADER_SIZE + frames * (_FRAME_HEADER_SIZE + page_size)


def _index_header(path: Path) -> tuple[int, int] | None:
    try:
        with Path(f"{path}-shm").open("rb") as file:
            page_size, frames = _INDEX_HEADER.unpack(file.read(_INDEX_HEADER.size))
    except (OSError, struct.error):
        return None
    return page_size, frames
