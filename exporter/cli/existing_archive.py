"""Open the archive that a command reads or changes."""

import argparse

from exporter.archive.open_archive import opened
from exporter.archive.store import Archive
from exporter.cli.flags import STORAGE
from exporter.config.loader import load_storage


def existing_archive(arguments: argparse.Namespace) -> Archive:
    """Open an archive that exists already. This needs no credential. Raises ArchiveError and ConfigError."""
    return opened(load_storage(arguments.config), arguments.storage or STORAGE, create=False)
