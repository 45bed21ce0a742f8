"""Set the repository's URL in all files that contain it: `make urls`, after a change of `[project.urls]`.

Pages link to each other by relative paths. Alerts, systemd units, the image, its
verification, the Helm chart and the issue templates need the URL.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]

PLACES = (
    "Dockerfile",
    "SECURITY.md",
    "deploy/helm/aircall-exporter/*.yaml",
    "deploy/systemd/*",
    "docs/kubernetes.md",
    "prometheus/rules/*.yml",
    "prometheus/tests/*.yml",
    ".github/ISSUE_TEMPLATE/*.yml",
)
"""The files whose addresses of repositories and images are all of this repository."""


def repository_url(root: Path = ROOT) -> str:
    """Return the URL of the repository, which only `pyproject.toml` defines."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    url: str = project["urls"]["Repository"]
    return url


def with_url(text: str, url: str) -> str:
    """Return a text with this repository, and its image, in place of each other."""
    name = url.removeprefix("https://github.com/")
    return re.sub(r"(https://github\.com|ghcr\.io)/[\w.-]+/[\w.-]+", rf"\1/{name}", text)


def with_absolute_links(text: str, ref: str) -> str:
    """Return a Markdown text for other sites, whose links and images are files of the repository at a tag."""
    kinds = {"!": "raw", "": "blob"}
    return re.sub(
        r"(!?)\[([^\]]*)\]\((?![a-z]+:|#)",
        lambda link: f"{link[1]}[{link[2]}]({repository_url()}/{kinds[link[1]]}/{ref}/",
        text,
    )


def files(root: Path = ROOT) -> Iterator[Path]:
    """Yield the files that contain the URL."""
    for place in PLACES:
        yield from sorted(root.glob(place))


if __name__ == "__main__":
    for file in files():
        file.write_text(with_url(file.read_text(encoding="utf-8"), repository_url()), encoding="utf-8")
