"""The packages of the image: all that are required, pinned by hash, and no others."""

import re
import tomllib
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
IMAGE = {"python_version": "3.13", "python_full_version": "3.13.14", "sys_platform": "linux"}
PINNED = dict(re.findall(r"^([a-z0-9-]+)==(\S+) \\$", LOCK, re.MULTILINE))


def required(requirement: Requirement) -> set[str]:
    """Return the names of a requirement and of its own requirements in the image, as installed here."""
    found: dict[str, Requirement] = {}
    pending = [requirement]
    while pending:
        each = pending.pop()
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
                pending.append(inner)
    return set(found)


def test_lock_pins_every_requirement() -> None:
    own = "aircall-exporter"
    missing = required(Requirement(f"{own}[postgres]")) - {own} - PINNED.keys()
    assert not missing, "run make lock"


def test_lock_versions_satisfy_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    dependencies = (
        project["project"]["dependencies"] + project["project"]["optional-dependencies"]["postgres"]
    )
    for text in [*dependencies, *project["build-system"]["requires"]]:
        requirement = Requirement(text)
        version = PINNED[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{text}: run make lock"


def test_lock_entries_have_hashes_and_no_address() -> None:
    entries = re.split(r"\n(?=[a-z])", LOCK)
    assert len(entries) == len(PINNED)
    for entry in entries:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry.splitlines()[0]
    assert "://" not in LOCK
    assert not re.search(r"^-", LOCK, re.MULTILINE)


def test_image_installs_only_pinned_and_own_packages() -> None:
    lines = re.findall(r"pip install (.*?)(?: \\)?$", DOCKERFILE, re.MULTILINE)
    assert len(lines) == DOCKERFILE.count("pip install") > 1
    for line in lines:
        pinned, own = {"--require-hashes", "--only-binary=:all:"}, {"--no-deps", "--no-build-isolation"}
        assert pinned <= set(line.split()) or own <= set(line.split()), line
