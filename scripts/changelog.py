"""Read CHANGELOG.md, which has the format of Keep a Changelog, and compare it with a version and a tag."""

import itertools
import re
from collections.abc import Iterator
from typing import NamedTuple

from packaging.version import InvalidVersion, Version

UNRELEASED = "Unreleased"
CATEGORIES = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
"""The headings of Keep a Changelog."""


class Section(NamedTuple):
    """A version in the changelog: its date, or that it is unreleased, and its text."""

    version: str
    date: str
    text: str


def sections(changelog: str) -> list[Section]:
    """Return the sections of a changelog, the newest first."""
    parts = re.split(r"^## \[?([^\]\n ]*)\]?(?: - )?(.*)$", changelog, flags=re.MULTILINE)[1:]
    return [
        Section(version, date, text.strip())
        for version, date, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    ]


def problems(version: str, changelog: str, tag: str = "") -> Iterator[str]:
    """Yield why a release of this version cannot be made.

    Args:
        version: The version of the package.
        changelog: The text of CHANGELOG.md.
        tag: The tag of the release. Without one, the newest version may be unreleased.
    """
    if tag and tag != f"v{version}":
        yield f"tag: found {tag!r}, expected 'v{version}', the version in pyproject.toml; change one of them"
    found = sections(changelog)
    if not found or found[0].version != version:
        newest = repr(found[0].version) if found else "no section"
        yield (
            f"CHANGELOG.md: found {newest} at the top, expected {version!r}, the version in pyproject.toml;"
            f" add '## [{version}] - {UNRELEASED}' and the changes, or change the version"
        )
    versions = [each.version for each in found]
    if not _descend(versions):
        yield f"CHANGELOG.md: found {', '.join(versions)}, expected each version once, the newest first"
    for place, section in enumerate(found):
        yield from _section_problems(section, may_be_unreleased=place == 0 and not tag)


def _descend(versions: list[str]) -> bool:
    """Return whether all versions are valid and each is lower than the one before it."""
    try:
        parsed = [Version(version) for version in versions]
    except InvalidVersion:
        return False
    return all(newer > older for newer, older in itertools.pairwise(parsed))


def _section_problems(section: Section, *, may_be_unreleased: bool) -> Iterator[str]:
    place = f"CHANGELOG.md, {section.version}"
    is_unreleased = section.date == UNRELEASED and may_be_unreleased
    if not is_unreleased and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", section.date):
        yield f"{place}: found {section.date!r}, expected the date of the release, such as 2026-12-31"
    if not re.search(r"^- \S", section.text, re.MULTILINE):
        yield f"{place}: found no change, expected at least one line that begins with '- '"
    for heading in re.findall(r"^### (.*)$", section.text, re.MULTILINE):
        if heading not in CATEGORIES:
            yield f"{place}: found heading {heading!r}, expected one of {', '.join(sorted(CATEGORIES))}"
