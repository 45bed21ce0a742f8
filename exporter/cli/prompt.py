"""Ask the user on a terminal."""

import getpass
import sys

from exporter.cli.exit_codes import UsageError


def ask(question: str, *, hidden: bool = False) -> str:
    """Return the answer without spaces around it. A `hidden` answer is not shown while it is typed.

    Raises:
        UsageError: The input ends without an answer, or is not text in the terminal's encoding.
    """
    name = question.strip(" :?")
    try:
        return (getpass.getpass(question) if hidden else input(question)).strip()
    except EOFError:
        print(file=sys.stderr)
        raise UsageError(f"{name}: found the end of the input, expected an answer") from None
    except UnicodeError:
        found, expected = "found bytes that are no text on this terminal", "expected plain text"
        raise UsageError(f"{name}: {found}, {expected}; type or copy it again") from None


def confirm(question: str) -> bool:
    """Return whether the user answers yes. Raises UsageError if standard input is not a terminal."""
    if not sys.stdin.isatty():
        raise UsageError("standard input is not a terminal; pass --yes")
    try:
        return ask(f"{question} [y/N] ").lower() in ("y", "yes")
    except UsageError:
        return False
