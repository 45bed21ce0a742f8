"""Find typing errors in keys and tokens."""

import re

MIN_TOKEN_LENGTH = 8
"""Minimum number of characters of a token in a file. Aircall's have 32, so a shorter one is cut off."""

QUOTES = "\"'`\u2018\u2019\u201c\u201d\u00ab\u00bb"


def secret_problem(secret: str) -> str:
    """Return the problem with a key or token without showing the secret, or "" if it looks valid.

    A value in the environment or in a file often contains quotes that belong to a shell or to YAML.
    """
    bare = secret.strip()
    if not bare:
        return "holds nothing but spaces"
    if bare[0] in QUOTES or bare[-1] in QUOTES:
        return "has quotes around it"
    if re.search(r"[\r\n\v\f\x85\u2028\u2029]", secret):
        return "holds a line break"
    if re.search(r"\s", secret):
        return "holds a space"
    if not secret.isascii():
        return "holds a character outside ASCII"
    return "" if secret.isprintable() else "holds a control character"
