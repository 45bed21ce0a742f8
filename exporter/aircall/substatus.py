"""Normalise substatuses: Aircall spells the same one differently in lists and in events."""

import unicodedata
from functools import lru_cache

ALWAYS_OPEN = "always_open"
"""The substatus of an available user. All others are reasons for not being available."""

UNKNOWN = "unknown"
"""Stands for the reason of a user whose substatus is unknown."""

SUBSTATUSES = (
    ALWAYS_OPEN,
    "always_closed",
    "out_for_lunch",
    "on_a_break",
    "in_training",
    "back_office",
    "other",
)
"""The substatuses that Aircall has today."""

MAX_LENGTH = 100
"""Characters of a substatus; the rest is cut."""

_SAME = {"always_opened": ALWAYS_OPEN, "doing_back_office": "back_office"}
"""Substatuses that have two names."""


@lru_cache(maxsize=1024)
def normalised(text: str) -> str:
    """Return a substatus in its only spelling, such as `out_for_lunch` for `Out for lunch`.

    The words are in lower case and joined by underscores. Letters of any alphabet, marks on them and digits
    stay. All other characters separate words. The result is empty if no letter is left.
    """
    words = "".join(char if _is_part(char) else " " for char in unicodedata.normalize("NFKC", text)).split()
    joined = "_".join(unicodedata.normalize("NFKC", word.lower()) for word in words)
    substatus = joined[:MAX_LENGTH].strip("_")
    return _SAME.get(substatus, substatus)


def _is_part(char: str) -> bool:
    """Return whether a character belongs to a word: a letter, a mark or a digit."""
    return unicodedata.category(char)[0] in "LMN"
