"""The Helm chart, without Helm: its values, its package, and whether its renderings are up to date."""

import copy
import re
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from deploy import chart, renderings
from deploy.chart import CHART
from exporter.version import VERSION
from scripts.chart_values import PAGE, schema, values, with_table
from tests.scripts.test_words import commands
from tests.support.stack import ROOT

DEFAULTS: dict[str, Any] = yaml.safe_load((ROOT / CHART / "values.yaml").read_text(encoding="utf-8"))
REJECTED: list[dict[str, Any]] = yaml.safe_load((ROOT / renderings.REJECTED).read_text(encoding="utf-8"))
VALIDATOR = Draft7Validator(schema())


def merged(defaults: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Return values as Helm merges them."""
    whole = copy.deepcopy(defaults)
    for key, value in own.items():
        both = isinstance(value, dict) and isinstance(whole.get(key), dict)
        whole[key] = merged(whole[key], value) if both else value
    return whole


def test_schema_is_valid_and_accepts_the_defaults() -> None:
    Draft7Validator.check_schema(schema())
    VALIDATOR.validate(DEFAULTS)


@pytest.mark.parametrize("manifest", renderings.manifests(), ids=lambda manifest: manifest.file.stem)
def test_schema_accepts_the_values_of_each_rendering(manifest: renderings.Manifest) -> None:
    VALIDATOR.validate(merged(DEFAULTS, yaml.safe_load(manifest.values.read_text(encoding="utf-8"))))


def test_schema_accepts_the_values_that_a_parent_chart_adds() -> None:
    VALIDATOR.validate(merged(DEFAULTS, {"global": {"domain": "example.com"}}))


@pytest.mark.parametrize(
    ("own", "place"),
    [
        ({"credential": {"existingSecret": "aircall"}}, ""),
        ({"credentials": {"secretName": "aircall"}}, "credentials"),
        ({"image": {"tag": 1.0}}, "image.tag"),
        ({"image": {"repository": "example.com/aircall-exporter:0.1.0"}}, "image.repository"),
        ({"image": {"digest": "0123"}}, "image.digest"),
        ({"image": {"pullPolicy": "always"}}, "image.pullPolicy"),
        ({"imagePullSecrets": ["registry"]}, "imagePullSecrets.0"),
        ({"config": "sla: 12s"}, "config"),
        ({"persistence": {"size": 5}}, "persistence.size"),
        ({"persistence": {"size": "5 GB"}}, "persistence.size"),
        ({"standby": {"enabled": "yes"}}, "standby.enabled"),
        (
            {"standby": {"podDisruptionBudget": {"minAvailable": 2}}},
            "standby.podDisruptionBudget.minAvailable",
        ),
        ({"ingress": {"hosts": ["calls.example.com"]}}, "ingress"),
        ({"routePrefix": "aircall"}, "routePrefix"),
        ({"extraArgs": "--log.format=json"}, "extraArgs"),
        ({"extraArgs": ["log.format=json"]}, "extraArgs.0"),
        ({"extraEnv": {"TZ": "UTC"}}, "extraEnv"),
        ({"podLabels": {"number": 1}}, "podLabels.number"),
        ({"networkPolicy": {"egressPorts": ["https"]}}, "networkPolicy.egressPorts.0"),
        ({"monitoring": {"dashboards": True}}, "monitoring.dashboards"),
    ],
    ids=lambda each: each or "root" if isinstance(each, str) else "",
)
def test_schema_rejects_a_mistake_at_its_place(own: dict[str, Any], place: str) -> None:
    (error,) = VALIDATOR.iter_errors(merged(DEFAULTS, own))
    assert ".".join(map(str, error.absolute_path)) == place


def sections(section: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a section of the schema and those within it."""
    yield section
    for each in section["properties"].values():
        if "properties" in each:
            yield from sections(each)


def test_schema_has_exactly_the_values_and_rejects_others() -> None:
    described = [
        key
        for section in sections(schema())
        for key, each in section["properties"].items()
        if "properties" not in each and key != "global"
    ]
    assert sorted(described) == sorted(value.name.rpartition(".")[2] for value in values())
    assert len(described) > 60
    assert all(section["additionalProperties"] is False for section in sections(schema()))


def comments() -> Iterator[tuple[str, str]]:
    """Yield the comments of values.yaml by the name of the value below them."""
    names: list[str] = []
    comment: list[str] = []
    for line in (ROOT / CHART / "values.yaml").read_text(encoding="utf-8").splitlines():
        if found := re.fullmatch(r" *# (.+)", line):
            comment.append(found[1])
            continue
        if found := re.match(r"( *)(\w+):", line):
            names[len(found[1]) // 2 :] = [found[2]]
            if comment:
                yield ".".join(names), " ".join(comment)
        comment = []


def test_each_value_has_its_description_as_a_comment() -> None:
    assert dict(comments()) == {value.name: value.schema["description"] for value in values()}


def test_page_has_the_table_of_values() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_table(page) == page, "run make docs"
    assert page.count("\n| `") >= len(values())


def test_page_lists_each_rendering_with_its_values() -> None:
    rows = re.findall(r"^\| `(\S+)\.yaml` \| .+\(\.\./(\S+)\) \|$", PAGE.read_text(encoding="utf-8"), re.M)
    assert rows == [(name, f"deploy/kubernetes/values/{name}.yaml") for name, _ in rows]
    assert sorted(name for name, _ in rows) == sorted(each.file.stem for each in renderings.manifests())


def test_make_manifests_renders_the_chart() -> None:
    for target in ("manifests", "urls"):
        assert commands(target)[-1] == "python -m deploy.renderings $(HELM)"


def test_manifests_are_up_to_date() -> None:
    assert list(renderings.problems()) == []


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a copy of the files from which the manifests follow."""
    for name in (CHART, renderings.MANIFESTS, "grafana/dashboards", "prometheus/rules"):
        shutil.copytree(ROOT / name, tmp_path / name, symlinks=True)
    (tmp_path / renderings.REJECTED).parent.mkdir(parents=True)
    shutil.copy(ROOT / renderings.REJECTED, tmp_path / renderings.REJECTED)
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [
        f"{CHART}/templates/statefulset.yaml",
        f"{CHART}/values.yaml",
        "deploy/kubernetes/samples/dashboards/aircall-sample.json",
        "deploy/kubernetes/samples/rules/sample.yml",
        "deploy/kubernetes/values/standby.yaml",
        "deploy/kubernetes/standby.yaml",
        renderings.REJECTED,
    ],
)
def test_manifests_are_stale_after_a_change(root: Path, name: str) -> None:
    assert list(renderings.problems(root)) == []
    (root / name).write_text((root / name).read_text(encoding="utf-8") + "\n", encoding="utf-8")
    (problem,) = renderings.problems(root)
    assert problem.startswith("deploy/kubernetes/sha256: found ")
    assert problem.endswith("run make manifests")


@pytest.mark.parametrize("name", ["grafana/dashboards/aircall-queue.json", "prometheus/rules/alerts.yml"])
def test_manifests_are_up_to_date_after_a_change_of_a_rule_or_dashboard(root: Path, name: str) -> None:
    (root / name).write_text((root / name).read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert list(renderings.problems(root)) == []


def test_manifests_of_values_that_were_removed_or_added_are_found() -> None:
    committed = {file.name for file in (ROOT / renderings.MANIFESTS).glob("*.yaml")}
    assert {manifest.file.name for manifest in renderings.manifests()} == committed


def test_each_error_of_the_chart_has_rejected_values() -> None:
    source = chart.files()["templates/_validate.tpl"].decode()
    errors = [error.replace('\\"', '"') for error in re.findall(r'fail "(.+)" }}', source)]
    reserved = re.findall(r'^  "([a-z_.]+)" "[A-Za-z.]+"', source, re.MULTILINE)
    expected = [case["error"] for case in REJECTED]
    assert expected[: len(errors)] == errors
    assert [error.partition(": found a value")[0] for error in expected[len(errors) :]] == [
        f"config.{path}" for path in reserved
    ]


@pytest.mark.parametrize("case", REJECTED, ids=lambda case: case["error"].partition(":")[0])
def test_rejected_values_have_no_other_mistake_and_errors_name_the_remedy(case: dict[str, Any]) -> None:
    VALIDATOR.validate(merged(DEFAULTS, case["values"]))
    assert re.fullmatch(r"[\w.]+: found .+, expected .+; \w.+", case["error"])


def test_package_has_the_chart_with_the_rules_and_dashboards(tmp_path: Path) -> None:
    archive = chart.package(VERSION, tmp_path)
    assert archive.name == f"aircall-exporter-{VERSION}.tgz"
    with tarfile.open(archive) as tar:
        found = {member.name: member for member in tar}
        assert all(member.isfile() for member in found.values())
        for directory, name in (("prometheus/rules", "rules"), ("grafana/dashboards", "dashboards")):
            for file in (ROOT / directory).iterdir():
                content = tar.extractfile(f"aircall-exporter/files/{name}/{file.name}")
                assert content
                assert content.read() == file.read_bytes()
    own = {f"aircall-exporter/{name}" for name in ("Chart.yaml", "values.yaml", "values.schema.json")}
    templates = {f"aircall-exporter/templates/{file.name}" for file in (ROOT / CHART / "templates").iterdir()}
    assert own | templates == {name for name in found if "/files/" not in name}


def test_chart_has_the_version_of_the_project() -> None:
    assert list(chart.problems(VERSION)) == []
