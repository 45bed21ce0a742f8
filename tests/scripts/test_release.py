"""`make release-check`, which also runs here: it passes, and it fails if a version is wrong."""

import re
import shutil
from pathlib import Path
from zipfile import ZipFile

import pytest

from deploy import renderings
from deploy.chart import CHART
from exporter.version import VERSION
from scripts.release import COPIED, OWN, PINNED, ROOT, check, main, project_version
from scripts.repository import repository_url, with_absolute_links
from tests.scripts.test_words import commands

PLACES = {"pyproject.toml": "CHANGELOG.md", "deploy/kubernetes/default.yaml": renderings.DIGEST}
"""The file that an error names, if it is not the one that was changed."""

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_make_release_check_runs_this_module() -> None:
    assert commands("release-check") == ["python -m scripts.release"]


def test_release_check_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(directory=tmp_path, tag="") == 0, capsys.readouterr().err
    wheel = tmp_path / f"dist/aircall_exporter-{VERSION}-py3-none-any.whl"
    assert {file.name for file in wheel.parent.iterdir()} == {
        wheel.name,
        f"aircall_exporter-{VERSION}.tar.gz",
    }
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "exporter").rglob("*.py")}
    assert modules | {"exporter/py.typed"} == {
        name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name
    }
    dashboards = {file.name for file in (tmp_path / "dashboards").iterdir()}
    assert dashboards == {file.name for file in (ROOT / "grafana/dashboards").glob("*.json")}
    assert [file.name for file in (tmp_path / "chart").iterdir()] == [f"aircall-exporter-{VERSION}.tgz"]
    notes = (tmp_path / "release-notes.md").read_text(encoding="utf-8")
    page = ZipFile(wheel).read(f"aircall_exporter-{VERSION}.dist-info/METADATA").decode()
    assert notes == with_absolute_links(check().text, f"v{VERSION}") + "\n"
    assert f"({repository_url()}/blob/v{VERSION}/docs/metrics.md)" in page
    assert "](docs/" not in notes + page


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("pyproject.toml", f'version = "{VERSION}"', 'version = "9.9.9"'),
        ("CHANGELOG.md", f"[{VERSION}]", "[9.9.9]"),
        ("CHANGELOG.md", f"## [{VERSION}]", f"### [{VERSION}]"),
        ("CHANGELOG.md", "\n- ", "\n"),
        (f"{CHART}/Chart.yaml", f"\nversion: {VERSION}", "\nversion: 9.9.9"),
        (f"{CHART}/Chart.yaml", f"appVersion: {VERSION}", "appVersion: 9.9.9"),
        (f"{CHART}/values.yaml", 'tag: ""', 'tag: "9.9.9"'),
        (f"{CHART}/values.yaml", 'digest: ""', 'digest: "sha256:0"'),
        ("deploy/kubernetes/default.yaml", f"aircall-exporter:{VERSION}", "aircall-exporter:9.9.9"),
    ],
    ids=[
        "version of the package",
        "version of the changelog",
        "no section",
        "no entry",
        "version of the chart",
        "image of another version",
        "tag of the image",
        "digest of the image",
        "stale manifest",
    ],
)
def test_release_check_wrong_version_or_missing_entry_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str, old: str, new: str
) -> None:
    for name in ("pyproject.toml", "CHANGELOG.md", renderings.REJECTED):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("deploy", "grafana/dashboards", "prometheus/rules"):
        shutil.copytree(ROOT / name, tmp_path / name, symlinks=True)
    text = (tmp_path / file).read_text(encoding="utf-8")
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new), encoding="utf-8")
    assert main(tmp_path, tmp_path / "build", tag="") == 1
    problems = capsys.readouterr().err.splitlines()
    assert any(line.startswith(PLACES.get(file, file)) for line in problems)
    assert not (tmp_path / "build").exists()


def test_release_check_tag_of_another_version_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAG", "v9.9.9")
    assert main(directory=tmp_path / "build") == 1
    assert f"tag: found 'v9.9.9', expected 'v{VERSION}'" in capsys.readouterr().err
    assert not (tmp_path / "build").exists()


def test_installed_version_and_pages_have_the_version_of_the_project() -> None:
    assert project_version() == VERSION
    text = (ROOT / "docs/kubernetes.md").read_text(encoding="utf-8")
    assert set(re.findall(r"(?:aircall-exporter:|--version |\btag: )v?(\d[\w.]*)", text)) == {VERSION}


def test_release_check_uses_the_files_and_the_options_of_the_image() -> None:
    copied = re.findall(r"^COPY (?!--)(.*) \S+$", DOCKERFILE, re.MULTILINE)
    assert {name for line in copied for name in line.split()} == {*COPIED, "requirements.lock"}
    pinned, own = re.findall(r"pip install (.*?)(?: \\)?$", DOCKERFILE, re.MULTILINE)
    assert pinned.split() == [*PINNED, "-r", "requirements.lock"]
    assert own.split() == [*OWN, "--no-build-isolation", "."]
