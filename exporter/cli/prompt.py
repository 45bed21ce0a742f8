"""Ask the user for confirmation."""

import sys

from exporter.cli.exit_codes import UsageError


def confirm(question: str) -> bool:
    """Return whether the user answers yes. Raises UsageError if standard input is not a terminal."""
    if not sys.stdin.isatty():
        raise UsageError("standard input is not a terminal; pass --yes")
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
