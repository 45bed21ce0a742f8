"""Asking the person at the terminal before something is changed."""

import sys


def confirm(question: str) -> bool:
    """Whether the answer is yes. Raises ValueError where nobody is there to be asked."""
    if not sys.stdin.isatty():
        raise ValueError("nobody is there to be asked, wanted --yes")
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
