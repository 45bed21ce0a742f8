"""What the image is made of is pinned by hash, and is all that the package needs."""

import re
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
IMAGE = {"python_version": "3.13", "python_full_version": "3.13.14", "sys_platform": "linux"}
PINNED = dict(re.findall(r"^([a-z0-9-]+)==(\S+) \\$", LOCK, re.MULTILINE))


def needed(requirement: Requirement) -> set[str]:
    """Yield the names of a requirement and of its own requirements in the image, as installed here."""
    found: dict[str, Requirement] = {}
    ahead = [requirement]
    while ahead:
        each = ahead.pop()
        name = canonicalize_name(each.name)
        if name in found and each.extras <= found[name].extras:
            continue
        found[name] = each
        for text in requires(each.name) or ():
            inner = Requirement(text)
            extras = each.extras or {""}
            if inner.marker is None or any(
                inner.marker.evaluate(IMAGE | {"extra": extra}) for extra in extras
            ):
                ahead.append(inner)
    return set(found)


def test_everything_that_is_needed_is_pinned() -> None:
    own = "aircall-exporter"
    missing = needed(Requirement(f"{own}[postgres]")) - {own} - PINNED.keys()
    assert not missing, "run make lock"


def test_what_is_pinned_is_what_is_wanted() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = project["project"]["dependencies"] + project["project"]["optional-dependencies"]["postgres"]
    for text in [*wanted, *project["build-system"]["requires"]]:
        requirement = Requirement(text)
        version = PINNED[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{text}: run make lock"


def test_every_pin_has_its_hashes_and_no_place() -> None:
    entries = re.split(r"\n(?=[a-z])", LOCK)
    assert len(entries) == len(PINNED)
    for entry in entries:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry.splitlines()[0]
    assert "://" not in LOCK
    assert not re.search(r"^-", LOCK, re.MULTILINE)


@pytest.mark.parametrize("line", re.findall(r"pip install (.*?)(?: \\)?$", DOCKERFILE, re.MULTILINE))
def test_the_image_installs_nothing_else(line: str) -> None:
    words = set(line.split())
    assert {"--require-hashes", "--only-binary=:all:"} <= words or {
        "--no-deps",
        "--no-build-isolation",
    } <= words
