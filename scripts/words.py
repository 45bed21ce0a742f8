"""Check texts and names for words that make them hard to understand: `python -m scripts.words`.

The table is about code, comments, documentation, help texts, alerts and dashboards. Add a word if a review
replaces it, with a pattern that has no correct use.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]

WORDS = {
    r"anew": "again",
    r"seldom": "rarely",
    r"of late": "recently",
    r"(for ever|forevermore)": "indefinitely",
    r"in vain": "without success",
    r"so many": "the number itself, such as `users`",
    r"besides?": "next to, alongside, in addition to",
    r"(told|tells?|telling) of": "reported, informed",
    r"mend(s|ed|ing)?": "fix, repair, recover",
    r"lift(s|ed|ing)? (it|the archive|an? archive)": "migrate",
    r"heed(s|ed|ing)?": "follow, apply",
    r"by heart": "remembered",
    r"(whoever|whomever)": "the user, the client, or another subject",
    r"(some|every)body": "a user, all users, someone",
    r"(he|him|his|himself)": "they, the user",
    r"nobody foresaw": "unexpected",
    r"none where": "None if, no … if",
    r"(whereupon|thereupon|thereof|therein|hence|lest|ere)": "a new sentence with `then`, `so` or `of it`",
    r"(a|an|one|each|no|any|every|half of a|invisible|typographic) sign(?! of life)": "character, symbol",
    r"signs(?! (in|out|off))": "characters, symbols",
    r"centers?(?![\\\";])": "centre",  # but not a value of HTML or Grafana
    r"gives(?! up| full access)": "returns, exposes, sets",
}
"""The word to use instead, by a pattern of the disallowed one. A space also matches a line break."""

PLACES = (
    "exporter",
    "bench",
    "deploy",
    "docs",
    "grafana",
    "harness",
    "prometheus",
    "scripts",
    "tests",
    ".ci",
    ".github",
)
SUFFIXES = {
    "",
    ".example",
    ".json",
    ".md",
    ".py",
    ".service",
    ".socket",
    ".sql",
    ".toml",
    ".tpl",
    ".txt",
    ".yaml",
    ".yml",
}
OTHERS = {".env", "LICENSE", "requirements.lock", "words.py", "test_words.py"}
"""Files with secrets, with the texts of others, or with the words themselves."""


class Finding(NamedTuple):
    """A disallowed word in a text."""

    line: int
    word: str
    instead: str


PATTERNS = {
    re.compile(rf"(?<![\w-]){word}(?![\w-])".replace(" ", r"\s+"), re.IGNORECASE): instead
    for word, instead in WORDS.items()
}


def check(text: str) -> Iterator[Finding]:
    """Yield the disallowed words of a text."""
    for pattern, instead in PATTERNS.items():
        for match in pattern.finditer(text):
            yield Finding(text.count("\n", 0, match.start()) + 1, " ".join(match[0].split()), instead)


def files(root: Path) -> Iterator[Path]:
    """Yield the files of the repository that hold text."""
    found = [*root.iterdir(), *(path for place in PLACES for path in (root / place).rglob("*"))]
    for path in sorted({path for path in found if path.is_file()}):
        if path.suffix in SUFFIXES and path.name not in OTHERS and "__pycache__" not in path.parts:
            yield path


def main(root: Path = ROOT) -> int:
    """Print a line for each disallowed word. Returns 1 if there are any."""
    lines = [
        f"{path.relative_to(root)}:{found.line}: found {found.word!r}, expected {found.instead}"
        for path in files(root)
        for found in check(path.read_text(encoding="utf-8"))
    ]
    print("\n".join(lines) or "No disallowed words.")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
