"""Open the archive that a command reads or changes."""

import argparse

from exporter.archive.open_archive import opened
from exporter.archive.store import Archive
from exporter.cli.flags import STORAGE
from exporter.config.loader import load_storage
import argparse
import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, tzinfo
from prometheus_client import CollectorRegistry
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from exporter.account.call_store import LATE_ARRIVAL_S
from exporter.account.coverage import subtract
from exporter.account.records import TimeRange
from exporter.aircall.client import Client, ClientMetrics
from exporter.aircall.endpoints import API_HISTORY_S
from exporter.aircall.errors import CREDENTIAL_REJECTED
from exporter.archive.open_archive import opened
from exporter.archive.parsing import parse_time
from exporter.archive.store import Archive
from exporter.archive.writer import HEARTBEAT_INTERVAL_S
from exporter.cli.exit_codes import ExitCode, UsageError
from exporter.cli.flags import STORAGE, Subparsers
from exporter.cli.signals import Interrupted, interruptible
from exporter.clock import Clock, Clocks, steady_clock
from exporter.config.loader import load
from exporter.config.settings import Settings
from exporter.durations import Duration
from exporter.logs import configure_logs
from exporter.polling.poller import Poller
from exporter.polling.tasks import MANUAL_BACKFILL
from exporter.text import truncate


def existing_archive(arguments: argparse.Namespace) -> Archive:
    """Open an archive that exists already. This needs no credential. Raises ArchiveError and ConfigError."""
    return opened(load_storage(arguments.config), arguments.storage or STORAGE, create=False)


HEARTBEAT_TIMEOUT_S = 4 * HEARTBEAT_INTERVAL_S
"""Seconds without a sign of life after which no exporter is taken to run on the archive."""


def has_running_exporter(archive: Archive) -> bool:
    """Return whether an exporter runs on the archive."""
    seen = archive.last_heartbeat()
    return seen is not None and abs(time.time() - seen) < HEARTBEAT_TIMEOUT_S
