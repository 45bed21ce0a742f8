"""Shorten texts for messages, and recognise texts that were cut off or that cannot be stored."""

import json

from exporter.durations import Duration


def is_cut_off(value: str, before: str) -> bool:
    """Return whether a value is only the beginning of the one before, as in a file that was cut off."""
    return value != before and before.startswith(value)


def ends_with_line_break(text: str) -> bool:
    """Return whether the last line of a file is certainly complete."""
    return text.endswith(("\n", "\r"))


def storable(text: str) -> str:
    """Remove NUL and unpaired surrogates, which PostgreSQL and UTF-8 cannot store."""
    return text.replace("\x00", "").encode("utf-8", "ignore").decode()


def truncate(value: object) -> str:
    """Return a value as errors show it, with at most 60 characters."""
    if isinstance(value, Duration):
        return str(value)
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError):  # a key that JSON does not have, or a list that contains itself
        text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
