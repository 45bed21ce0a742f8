"""Fixtures of the archive's tests."""

from tests.support.lost_archives import busy

__all__ = ["busy"]
