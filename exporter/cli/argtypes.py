"""Parse values on the command line. Invalid numbers raise argparse's error, which names the flag."""

import argparse
from collections.abc import Iterable

from exporter.text import truncate

MAX_NUMBER = 1_000_000

MAX_DIGITS = 20
"""Digits of a number in an argument, with zeros in front."""


def count(text: str) -> int:
    """Parse an integer of at least 1."""
    return _whole_number(text, 1, "1")


def most(text: str) -> int:
    """Parse an integer of at least 0, which means no limit."""
    return _whole_number(text, 0, "0 (all)")


def _whole_number(text: str, least: int, named: str) -> int:
    if not text.isdecimal() or len(text) > MAX_DIGITS or not least <= int(text) <= MAX_NUMBER:
        expected = f"expected a whole number from {named} to {MAX_NUMBER}"
        raise argparse.ArgumentTypeError(f"found {text[:50]}, {expected}")
    return int(text)


def call_id(text: str) -> int:
    """Parse the id of a call."""
    if not text.isascii() or not text.isdecimal() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"found {truncate(text)}, expected the id of a call")
    return int(text)


def rate(text: str) -> float:
    """Parse a rate of at least 0."""
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= MAX_NUMBER:
        raise argparse.ArgumentTypeError(f"found {text}, expected a number from 0 to {MAX_NUMBER}")
    return value


def share(text: str) -> float:
    """Parse a ratio above 0 and up to 1."""
    value = rate(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"found {text}, expected a share above 0 and up to 1")
    return value


def texts(values: Iterable[object] | None) -> list[str]:
    """Return the values of a flag that may be repeated.

    argparse drops a value that is two dashes, and leaves an empty list in its place.
    """
    return [value if isinstance(value, str) else "--" for value in values or ()]
