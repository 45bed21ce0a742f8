"""Memory that was needed for a moment goes back to the system."""

import ctypes
from contextlib import suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""From glibc's malloc.h."""

LARGE = 128 * 1024
"""Bytes from which on a piece of memory is given back as soon as it is free: as malloc itself begins with."""


def tune_malloc() -> None:
    """Have large pieces of memory given back for good.

    glibc raises the size that counts as large to that of the largest piece it ever freed: a page of
    metrics or an answer of some megabytes would leave holes of that size, for ever. Other libraries for C
    know nothing of it and are left as they are.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_MMAP_THRESHOLD, LARGE)
        libc.mallopt(_TRIM_THRESHOLD, LARGE)
