"""Show values in errors, unless they may be secrets that were set in the wrong place."""

import re
from pathlib import Path

from exporter.text import truncate

MIN_HIDDEN_LENGTH = 16
"""Characters from which on a word of letters and digits may be a token. Aircall's have 32."""

_WORD = re.compile(rf"[A-Za-z0-9+/=_-]{{{MIN_HIDDEN_LENGTH},}}")


def may_be_secret(text: str) -> bool:
    """Return whether a text looks like a token or a key: one long word of letters and digits."""
    has_both = re.search("[0-9]", text) and re.search("[A-Za-z]", text)
    return bool(has_both and _WORD.fullmatch(text))


def shown_value(value: object) -> str:
    """Return a value as errors show it, with three dots in place of each word that may be a secret."""
    return _WORD.sub(lambda word: "..." if may_be_secret(word[0]) else word[0], truncate(value))


def shown_file(file: str) -> str:
    """Return how an error about a file begins: with its name, unless that may be a secret."""
    if not _is_in_a_directory(file):
        return "names a file that"
    return f"found {file if file.isprintable() else truncate(file)}, which"


def _is_in_a_directory(file: str) -> bool:
    """Return whether a value is probably the name of a file, and not a secret that was set in its place.

    Base64 contains slashes, and the address of a database contains its password. In both, the part before the
    last slash is no directory.
    """
    path = Path(file.replace("\0", ""))
    try:
        known = path.parent not in (Path(), Path("/")) and path.parent.is_dir()
    except OSError:  # such as a name that is too long
        return False
    return known and not may_be_secret(path.name)
