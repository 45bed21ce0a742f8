"""Which changelogs, versions and tags make a release."""

import pytest

from scripts.changelog import Section, problems, sections

RELEASED = (
    "# Changelog\n\n## [0.2.0] - 2026-12-31\n\n### Fixed\n\n- A wait.\n\n## [0.1.0] - 2026-11-30\n\n- All.\n"
)
UNRELEASED = RELEASED.replace("2026-12-31", "Unreleased")


def test_sections_are_the_versions_with_date_and_text() -> None:
    assert sections(RELEASED) == [
        Section("0.2.0", "2026-12-31", "### Fixed\n\n- A wait."),
        Section("0.1.0", "2026-11-30", "- All."),
    ]


@pytest.mark.parametrize(("changelog", "tag"), [(RELEASED, ""), (RELEASED, "v0.2.0"), (UNRELEASED, "")])
def test_problems_version_has_its_section_finds_none(changelog: str, tag: str) -> None:
    assert not list(problems("0.2.0", changelog, tag))


WRONG = (
    ("0.2.1", RELEASED, "", "found '0.2.0' at the top, expected '0.2.1'"),
    ("0.1.0", RELEASED, "", "found '0.2.0' at the top, expected '0.1.0'"),
    ("0.2.0", "# Changelog\n", "", "found no section at the top, expected '0.2.0'"),
    ("0.2.0", RELEASED, "0.2.0", "found '0.2.0', expected 'v0.2.0'"),
    ("0.2.0", RELEASED, "v0.3.0", "found 'v0.3.0', expected 'v0.2.0'"),
    ("0.2.0", UNRELEASED, "v0.2.0", "found 'Unreleased', expected the date"),
    (
        "0.2.0",
        RELEASED.replace("2026-11-30", "Unreleased"),
        "",
        "0.1.0: found 'Unreleased', expected the date",
    ),
    ("0.2.0", RELEASED.replace(" - 2026-12-31", ""), "", "0.2.0: found '', expected the date"),
    ("0.2.0", RELEASED.replace("- A wait.\n", ""), "", "0.2.0: found no change"),
    ("0.2.0", RELEASED.replace("Fixed", "Bugs"), "", "found heading 'Bugs', expected one of Added, Changed"),
    ("0.2.0", RELEASED.replace("0.1.0", "0.2.0"), "", "found 0.2.0, 0.2.0, expected each version once"),
    ("0.2.0", RELEASED.replace("0.1.0", "0.10.0"), "", "expected each version once, the newest first"),
    ("0.2.0", RELEASED.replace("[0.1.0]", "[Unreleased]"), "", "found 0.2.0, Unreleased, expected each"),
    ("0.2.0", RELEASED.replace("[0.1.0]", "Older"), "", "found 0.2.0, Older, expected each"),
)


@pytest.mark.parametrize(("version", "changelog", "tag", "problem"), WRONG)
def test_problems_wrong_version_tag_or_changelog_is_named(
    version: str, changelog: str, tag: str, problem: str
) -> None:
    assert problem in "\n".join(problems(version, changelog, tag))
