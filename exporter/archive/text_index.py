"""Build the text that free-text search uses, normalised for case and spacing."""

import re
import unicodedata
from collections.abc import Iterable


def normalize(text: str) -> str:
    """Return a text with case folded, accents composed (NFC), and white space as single blanks."""
    composed = unicodedata.normalize("NFC", text)
    return " ".join(unicodedata.normalize("NFC", composed.casefold()).split())


def search_text(
    caller: str, missed_call_reason: str | None, tags: Iterable[str], comments: Iterable[str]
) -> str:
    """Return all normalised texts of a call, one per line, so that no search text matches across two of them.

    The caller is included as shown and as digits. Names of users and numbers are not, because they change.
    """
    texts = (caller, digits_only(caller), missed_call_reason or "", *tags, *comments)
    return "\n".join(filter(None, map(normalize, texts)))


def digits_only(caller: str) -> str:
    """Return the digits of a phone number."""
    return "".join(re.findall("[0-9]+", caller))
