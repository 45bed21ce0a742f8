"""Describe the archive's state, which the exporter exposes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ArchiveStatus:
    """How many calls wait to be saved, since when (seconds, our clock), and how many were rejected."""

    waiting: int
    waiting_since: float | None
    working: bool
    rejected: int = 0
