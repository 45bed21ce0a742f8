"""Ask the user for confirmation."""

import sys


def confirm(question: str) -> bool:
    """Return whether the user answers yes. Raises ValueError if standard input is not a terminal."""
    if not sys.stdin.isatty():
        raise ValueError("standard input is not a terminal; pass --yes")
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
