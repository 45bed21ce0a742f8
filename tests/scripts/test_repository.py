"""The repository's URL, which pyproject.toml defines."""

import re
import tomllib

import pytest

from deploy import renderings
from scripts import words
from scripts.repository import ROOT, files, repository_url, with_absolute_links, with_url

URL = repository_url()


def test_urls_of_the_project_begin_with_that_of_the_repository() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert all(url.startswith(URL) for url in project["urls"].values())
    assert project["urls"].keys() >= {"Repository", "Documentation", "Changelog", "Issues"}


@pytest.mark.parametrize("file", list(files()), ids=lambda file: str(file.relative_to(ROOT)))
def test_file_has_the_url_of_the_project(file) -> None:
    text = file.read_text(encoding="utf-8")
    assert with_url(text, URL) == text, "run make urls"


def test_no_other_file_needs_the_url() -> None:
    name = URL.rpartition("/")[2]
    found = {
        file
        for file in words.files(ROOT)
        if re.search(rf"https://github\.com/[\w.-]+/{name}\b", file.read_text(encoding="utf-8"))
    }
    generated = {each.file for each in renderings.manifests()}
    assert ROOT / "prometheus/rules/alerts.yml" in found
    assert found <= {*files(), *generated, ROOT / "pyproject.toml"}


def test_with_url_after_a_change_replaces_owner_and_name() -> None:
    page = "https://github.com/{0}/blob/main/docs/alerts.md#aircallthrottled ghcr.io/{0}:1.2.3\n"
    assert with_url(page.format("someone/old-name"), "https://github.com/a/b") == page.format("a/b")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a](docs/a.md#b)", f"[a]({URL}/blob/v1.2.3/docs/a.md#b)"),
        ("![a: b](docs/a.png)", f"![a: b]({URL}/raw/v1.2.3/docs/a.png)"),
        ("[`a`](a)", f"[`a`]({URL}/blob/v1.2.3/a)"),
        ("[a](https://example.com/a)", "[a](https://example.com/a)"),
        ("[a](#a)", "[a](#a)"),
    ],
)
def test_with_absolute_links_changes_links_to_files_only(text: str, expected: str) -> None:
    assert with_absolute_links(text, "v1.2.3") == expected
