"""Build the text that free-text search uses, normalised for case and spacing."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain


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


SHORTEST_INDEXED = 3
"""Characters of a text from which on PostgreSQL's trigram index of the words finds few calls."""


def postgresql_functions() -> Iterator[str]:
    """Yield the definitions of the functions with which Grafana's queries search texts, for PostgreSQL."""
    # Grafana 12 puts a backslash before a double quote, unlike SQL
    given = "replace({}, '\\\"', '\"')"
    pattern = f"folded({given.format('$2')})"
    for character in "\\%_":
        pattern = f"replace({pattern}, '{character}', '\\{character}')"
    # with an expression in place of the column, PostgreSQL does not use the index
    searched = f"CASE WHEN length($2) < {SHORTEST_INDEXED} THEN $1 || '' ELSE $1 END"
    yield _function("folded(text)", "text", _folded("$1"))
    yield _function("has_text(folded text, text)", "boolean", f"{searched} LIKE '%' || {pattern} || '%'")
    yield _function("digits(text)", "text", "NULLIF(regexp_replace($1, '[^0-9]', '', 'g'), '')")
    each = f"SELECT {given.format('choice')} FROM unnest($1) AS choice"
    yield _function("chosen(VARIADIC text[])", "text[]", f"ARRAY({each})")


def _function(signature: str, result: str, body: str) -> str:
    return (
        f"CREATE OR REPLACE FUNCTION {signature} RETURNS {result}"
        f" IMMUTABLE PARALLEL SAFE LANGUAGE sql AS $$SELECT {body}$$"
    )


@cache
def _folded(text: str) -> str:
    """Return SQL that normalizes a text as `normalize` does.

    After the conversion to lower case, the characters for which `normalize` does more are replaced.
    """
    sql = f'lower(normalize({text}, NFC) COLLATE "und-x-icu")'
    single = {}
    for character in map(chr, chain(range(1, 0xD800), range(0xE000, 0x10000))):
        folded = normalize(character) or " "
        if character == folded or character != unicodedata.normalize("NFC", character.lower()):
            continue
        if len(folded) == 1:
            single[character] = folded
        else:
            sql = f"replace({sql}, '{character}', '{folded}')"
    sql = f"translate({sql}, '{''.join(single)}', '{''.join(single.values())}')"
    return f"normalize(btrim(regexp_replace({sql}, ' +', ' ', 'g')), NFC)"
