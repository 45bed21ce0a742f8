"""Open the archive that a command reads or changes, and find out whether an exporter runs on it."""

import argparse
import time

from exporter.archive.open_archive import opened
from exporter.archive.store import Archive
from exporter.archive.writer_thread import HEARTBEAT_INTERVAL_S
from exporter.cli.flags import STORAGE
from exporter.config.loader import load_storage

HEARTBEAT_TIMEOUT_S = 4 * HEARTBEAT_INTERVAL_S
"""Seconds without a heartbeat after which no exporter is taken to run on the archive."""


def existing_archive(arguments: argparse.Namespace) -> Archive:
    """Open an archive that exists already. This needs no credential. Raises ArchiveError and ConfigError."""
    return opened(load_storage(arguments.config), arguments.storage or STORAGE, create=False)


def has_running_exporter(archive: Archive) -> bool:
    """Return whether an exporter runs on the archive."""
    seen = archive.last_heartbeat()
    return seen is not None and abs(time.time() - seen) < HEARTBEAT_TIMEOUT_S
