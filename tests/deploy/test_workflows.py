"""GitHub's workflows and issue templates, which cannot run here: valid, pinned, and with few permissions."""

import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.support.stack import ROOT

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = sorted(set((GITHUB / "ISSUE_TEMPLATE").glob("*.yml")) - {GITHUB / "ISSUE_TEMPLATE/config.yml"})
WRITES = {
    ("image", "packages"), ("image", "id-token"),
    ("chart", "packages"), ("chart", "id-token"),
    ("pypi", "id-token"),
    ("assets", "contents"),
}  # fmt: skip
"""Each job's permissions to write: image and chart with signatures, trusted publishing, the release."""

each_workflow = pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)


def loaded(name: str) -> dict[Any, Any]:
    content: dict[Any, Any] = yaml.safe_load((GITHUB / f"workflows/{name}.yml").read_text(encoding="utf-8"))
    return content


RELEASE = loaded("release")["jobs"]


def steps(job: dict[str, Any], action: str) -> Iterator[dict[str, Any]]:
    """Yield what the steps of a job pass to an action."""
    for step in job["steps"]:
        if step.get("uses", "").startswith(f"{action}@"):
            yield step.get("with", {})


def commands(job: dict[str, Any]) -> str:
    return "\n".join(step["run"] for step in job["steps"] if "run" in step)


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("github-workflows", WORKFLOWS),
        ("github-issue-forms", FORMS),
        ("github-issue-config", [GITHUB / "ISSUE_TEMPLATE/config.yml"]),
    ],
    ids=["workflows", "issue forms", "issue configuration"],
)
def test_files_are_valid_by_the_schemas_of_github(schema, files) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert len(files) > 0


@each_workflow
def test_actions_are_pinned_by_commit_with_their_version(file) -> None:
    used = re.findall(r"uses: (.*)", file.read_text(encoding="utf-8"))
    assert used
    for each in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each) or (ROOT / each).is_file(), each


@each_workflow
def test_jobs_may_read_and_write_only_what_they_publish(file) -> None:
    content = loaded(file.stem)
    assert content["permissions"] == {"contents": "read"}
    writes = {
        (name, scope)
        for name, job in content["jobs"].items()
        for scope, access in job.get("permissions", {}).items()
        if access != "read"
    }
    assert writes == (WRITES if file.stem == "release" else set())


@each_workflow
def test_jobs_end_and_checkouts_keep_no_credential(file) -> None:
    for job in loaded(file.stem)["jobs"].values():
        if "steps" in job:
            assert job["timeout-minutes"] <= 30
            assert all(each["persist-credentials"] is False for each in steps(job, "actions/checkout"))


@each_workflow
def test_commands_contain_no_expression_and_make_has_their_targets(file) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    run = [commands(job) for job in loaded(file.stem)["jobs"].values() if "steps" in job]
    made = {target for text in run for line in re.findall(r"make (.+)", text) for target in line.split()}
    assert made <= set(targets)
    assert made == ({"release-check", "sbom"} if file.stem == "release" else {"test"})
    assert not any("${{" in text for text in run)


def test_check_runs_for_changes_and_before_a_release() -> None:
    triggers = loaded("check")[True]  # "on" is a truth value in YAML 1.1
    assert triggers.keys() == {"push", "pull_request", "workflow_call"}
    assert RELEASE["check"] == {"uses": "./.github/workflows/check.yml"}
    assert loaded("release")[True] == {"push": {"tags": ["v*"]}}


def test_release_publishes_after_check_and_build() -> None:
    (build,) = (step for step in RELEASE["build"]["steps"] if "make" in step.get("run", ""))
    assert build["env"] == {"TAG": "${{ github.ref_name }}"}
    assert RELEASE["image"]["needs"] == ["check", "build"]
    assert [RELEASE[job]["needs"] for job in ("chart", "pypi", "assets")] == ["image", "chart", "pypi"]
    assert RELEASE["pypi"]["environment"] == "pypi"


def test_image_is_for_two_architectures_with_sbom_provenance_and_signature() -> None:
    (push,) = steps(RELEASE["image"], "docker/build-push-action")
    assert push["platforms"] == "linux/amd64,linux/arm64"
    assert (push["push"], push["sbom"], push["provenance"]) == (True, True, "mode=max")
    assert 'cosign sign --yes --recursive "$IMAGE@$DIGEST"' in commands(RELEASE["image"])


def test_chart_is_pushed_as_an_oci_artifact_and_signed() -> None:
    assert RELEASE["chart"]["env"] == {"CHARTS": "ghcr.io/${{ github.repository }}/charts"}
    assert 'helm push chart/*.tgz "oci://$CHARTS"' in commands(RELEASE["chart"])
    assert 'cosign sign --yes "$CHARTS/aircall-exporter@$DIGEST"' in commands(RELEASE["chart"])


def test_assets_are_files_that_the_build_uploads() -> None:
    (upload,) = steps(RELEASE["build"], "actions/upload-artifact")
    uploaded = [path.removeprefix("build/") for path in upload["path"].split()]
    assert uploaded == ["dist/", "dashboards/", "chart/", "release-notes.md", "sbom.cdx.json"]
    for job in ("chart", "pypi", "assets"):
        (download,) = steps(RELEASE[job], "actions/download-artifact")
        assert download["name"] == upload["name"]
    (publish,) = steps(RELEASE["pypi"], "pypa/gh-action-pypi-publish")
    assert publish["packages-dir"] == "dist/"
    for path in uploaded:
        assert path in commands(RELEASE["assets"])
