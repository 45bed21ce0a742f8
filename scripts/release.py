"""Check and build a release in build/: `make release-check`, with `TAG=v1.2.3` for the release of a tag.

The version is that of pyproject.toml. CHANGELOG.md must have a section for it, the Helm chart must have it, and the installed
wheel must report it. The manifests in deploy/kubernetes must be up to date. The steps of the image are those of the Dockerfile: the
pinned packages by hash, then the exporter without any other.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from deploy import chart, renderings
from scripts import grafana_com
from scripts.changelog import Section, problems, sections
from scripts.repository import with_absolute_links

ROOT = Path(__file__).parents[1]
COPIED = ("pyproject.toml", "README.md", "LICENSE", "exporter")
PINNED = ("--require-hashes", "--only-binary=:all:")
OWN = ("--no-deps",)
"""The files and the options of pip in the Dockerfile. A test compares them."""


class ReleaseError(Exception):
    """A release cannot be made. The text has a line for each reason."""


def project_version(root: Path = ROOT) -> str:
    """Return the version in pyproject.toml, the only place that defines it."""
    version: str = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    return version


def check(root: Path = ROOT, tag: str = "") -> Section:
    """Return the changelog's section of the release.

    Raises:
        ReleaseError: The version, the changelog, the chart and the tag do not match.
    """
    version = project_version(root)
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    found = [*problems(version, changelog, tag), *chart.problems(version, root), *renderings.problems(root)]
    if found:
        raise ReleaseError("\n".join(found))
    return sections(changelog)[0]


def build(version: str, directory: Path, root: Path = ROOT) -> None:
    """Build the distributions, check them, and install the wheel as the image does.

    Raises:
        ReleaseError: A step failed, or the installed command reports another version.
    """
    source, distributions, image = (directory / name for name in ("source", "dist", "image"))
    for each in (source, distributions):
        shutil.rmtree(each, ignore_errors=True)
    _copy(root, source)
    readme = (source / "README.md").read_text(encoding="utf-8")
    (source / "README.md").write_text(with_absolute_links(readme, f"v{version}"), encoding="utf-8")
    _python("-m", "build", "--no-isolation", "--outdir", distributions, source)
    (wheel,) = distributions.glob("*.whl")
    _python("-m", "twine", "check", "--strict", *distributions.iterdir())
    _python("-m", "venv", "--clear", "--without-pip", image)
    pip = ("-m", "pip", "--quiet", "--disable-pip-version-check", "--python", image / "bin/python")
    _python(*pip, "install", "--no-compile", *PINNED, "--requirement", root / "requirements.lock")
    _python(*pip, "install", "--no-compile", *OWN, wheel)
    _python(*pip, "check")
    shown = _run(image / "bin/aircall-exporter", "--version").strip()
    if not shown.startswith(f"aircall-exporter, version {version} "):
        raise ReleaseError(f"{wheel.name} --version: found {shown!r}, expected version {version}")


def _copy(root: Path, source: Path) -> None:
    """Copy the files that the image copies, so that nothing else of a working directory is in a distribution."""
    for name in COPIED:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        if (root / name).is_dir():
            shutil.copytree(root / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(root / name, source / name)


def _python(*arguments: str | Path) -> None:
    _run(sys.executable, *arguments)


def _run(*command: str | Path) -> str:
    """Run a command and return its output, which is also printed if the command fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)  # noqa: S603 (our own commands)
    if done.returncode:
        print(done.stdout, file=sys.stderr)
        raise ReleaseError(f"{' '.join(map(str, command))}: found exit code {done.returncode}, expected 0")
    return done.stdout


def main(root: Path = ROOT, directory: Path = ROOT / "build", tag: str | None = None) -> int:
    """Check and build a release in a directory. Returns 1 if it cannot be made."""
    try:
        section = check(root, os.environ.get("TAG", "") if tag is None else tag)
        build(section.version, directory, root)
    except ReleaseError as error:
        print(error, file=sys.stderr)
        return 1
    grafana_com.write(directory / "dashboards")
    chart.package(section.version, directory / "chart", root)
    notes = with_absolute_links(section.text, f"v{section.version}")
    (directory / "release-notes.md").write_text(notes + "\n", encoding="utf-8")
    print(f"{section.version} can be released: {directory}/dist, {directory}/dashboards, {directory}/chart")
    return 0


if __name__ == "__main__":
    sys.exit(main())
