"""Make malloc return large freed blocks to the system."""

import ctypes
from contextlib import suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""From glibc's malloc.h."""

LARGE_BLOCK_BYTES = 128 * 1024
"""Bytes from which a block is returned as soon as it is freed. This is malloc's initial value."""


def tune_malloc() -> None:
    """Fix the size from which freed blocks are returned to the system.

    glibc raises this size to that of the largest block that it ever freed. After a metrics page or a response
    of some megabytes, free blocks of that size would stay allocated indefinitely. Other C libraries do not
    have these options, and stay unchanged.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_MMAP_THRESHOLD, LARGE_BLOCK_BYTES)
        libc.mallopt(_TRIM_THRESHOLD, LARGE_BLOCK_BYTES)
