"""What free text is searched in, and how it is written so that case and spacing make no difference."""

import re
import unicodedata
from collections.abc import Iterable


def normalize(text: str) -> str:
    """A text as it is searched: case and ways to compose an accent made one, any space a single blank."""
    composed = unicodedata.normalize("NFC", text)
    return " ".join(unicodedata.normalize("NFC", composed.casefold()).split())


def search_text(
    caller: str, missed_call_reason: str | None, tags: Iterable[str], comments: Iterable[str]
) -> str:
    """All texts of a call, folded, a line each: no text that is folded reaches from one into the next.

    The caller is there as shown and as digits alone. Names of users and numbers are not, since they change.
    """
    texts = (caller, digits_only(caller), missed_call_reason or "", *tags, *comments)
    return "\n".join(filter(None, map(normalize, texts)))


def digits_only(caller: str) -> str:
    """The digits of a phone number, however it is written."""
    return "".join(re.findall("[0-9]+", caller))
