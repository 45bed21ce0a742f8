"""The Helm chart: its files, its version, and its package for a release.

`files/` in the chart contains links to the rules and the dashboards. Helm and this module follow them.
"""

import os
import tarfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
CHART = "deploy/helm/aircall-exporter"
"""The directory of the chart, from the root."""


def files(root: Path = ROOT) -> dict[str, bytes]:
    """Return the content of the chart's files by their path in the chart, sorted, with links followed."""
    chart = root / CHART
    paths = [
        Path(directory) / name for directory, _, names in os.walk(chart, followlinks=True) for name in names
    ]
    return {path.relative_to(chart).as_posix(): path.read_bytes() for path in sorted(paths)}


def problems(version: str, root: Path = ROOT) -> Iterator[str]:
    """Yield why the chart cannot be released with a version, which the image's tag must be too."""
    chart: dict[str, Any] = yaml.safe_load((root / CHART / "Chart.yaml").read_text(encoding="utf-8"))
    for key in ("version", "appVersion"):
        if chart.get(key) != version:
            yield (
                f"{CHART}/Chart.yaml, {key}: found {chart.get(key)!r}, expected {version!r},"
                " the version in pyproject.toml; set it, and run make manifests"
            )
    values = yaml.safe_load((root / CHART / "values.yaml").read_text(encoding="utf-8"))
    for key in ("tag", "digest"):
        if found := values["image"][key]:
            yield (
                f"{CHART}/values.yaml, image.{key}: found {found!r}, expected '', so that the tag is"
                " appVersion; remove it, and run make manifests"
            )


def package(version: str, directory: Path, root: Path = ROOT) -> Path:
    """Write the chart as `helm package` does. Returns the archive."""
    directory.mkdir(parents=True, exist_ok=True)
    archive = directory / f"aircall-exporter-{version}.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        for name, content in files(root).items():
            member = tarfile.TarInfo(f"aircall-exporter/{name}")
            member.size, member.mode = len(content), 0o644
            tar.addfile(member, BytesIO(content))
    return archive
