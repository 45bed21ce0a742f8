"""Tell callers apart: by the digits of a number, or by the text of another address, such as a SIP address."""

import re

from exporter.archive.text_index import digits_only, normalize
from exporter.text import storable

ERASED = "forgotten"
"""The archived caller of calls whose caller was erased."""

_NO_CALLER = (
    *("", "anonymous", "unknown", "hidden", "***", ERASED),
    *("restricted", "private", "withheld", "unavailable", "blocked", "no caller id"),
    *("anonymous@anonymous.invalid", "sip:anonymous@anonymous.invalid"),  # RFC 3323
)
_MASKED = re.compile(r"[-+ ()./*]*\*(?:[-+ ()./]*[0-9]){3}[-+ ()./]*|\*\*\*")


def identity(caller: str | None) -> str:
    """Return what is equal for two spellings of one caller, or "" if the text identifies no caller.

    A text with letters is compared as a whole: its digits alone would be those of other callers, too.
    """
    text = normalize(storable(caller or ""))
    if text in _NO_CALLER:
        return ""
    if any(map(str.isalpha, text)):
        return text
    return digits_only(text) or (text if any(map(str.isalnum, text)) else "")


def is_masked(caller: str) -> bool:
    """Return whether an archived caller has the form of a masked one, as returned by `format_caller`.

    A number may have a literal `*`, as in `*31#+33 1 22 33 44 55`. It is masked only if all digits but the
    last three are hidden.
    """
    return _MASKED.fullmatch(caller) is not None
