"""The Kubernetes manifests: valid, complete, locked down, and what they start runs.

The Prometheus operator's kinds have no schema here: rules go through promtool, the rest is compared.
"""

import copy
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import requests
import yaml

from deploy.rules import MANIFEST, PROMETHEUS, prometheus_rule
from exporter.config.loader import load
from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from exporter.version import VERSION
from harness.process import process
from tests.support.running import eventually
from tests.support.stack import ROOT, Run

KUBERNETES = ROOT / "deploy/kubernetes"
KUSTOMIZATIONS = [*sorted(KUBERNETES.glob("*/kustomization.yaml")), ROOT / "grafana/kustomization.yaml"]
SUPPORTED = ("1.29", kubernetes_validate.latest_version())
"""The oldest and the newest Kubernetes whose schemas the manifests are held against."""

OPERATORS = ("ServiceMonitor", "PrometheusRule")
CONFIG_MAP = 2**20
"""Bytes that the data of a ConfigMap may take."""


def manifests() -> Iterator[tuple[Path, dict[str, Any]]]:
    for file in sorted(KUBERNETES.glob("*/*.yaml")):
        if file.name != "kustomization.yaml":
            yield file, yaml.safe_load(file.read_text(encoding="utf-8"))


def manifest(kind: str) -> dict[str, Any]:
    (found,) = [each for _, each in manifests() if each["kind"] == kind]
    return found


STATEFUL = manifest("StatefulSet")["spec"]
POD = STATEFUL["template"]["spec"]
(CONTAINER,) = POD["containers"]


@pytest.mark.parametrize("version", SUPPORTED)
def test_kubernetes_takes_every_manifest(version: str) -> None:
    kinds = set()
    for _, each in manifests():
        kinds.add(each["kind"])
        if each["kind"] not in OPERATORS:
            kubernetes_validate.validate(each, version, strict=True)
    assert kinds == {"StatefulSet", "Service", "NetworkPolicy", "Namespace", *OPERATORS}


@pytest.mark.parametrize("file", KUSTOMIZATIONS, ids=lambda file: file.parent.name)
def test_a_kustomization_names_what_is_there_and_all_of_it(file: Path) -> None:
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    here, used = file.parent, set()
    for name in content.get("resources", ()):
        if name.startswith("../"):
            assert (here / name / "kustomization.yaml").exists()
        else:
            used.add(name)
    for generated in content.get("configMapGenerator", ()):
        assert all((here / name).exists() for name in generated["files"])
    assert used == {each.name for each in here.glob("*.yaml")} - {file.name}


def test_every_board_is_a_config_map_that_fits() -> None:
    content = yaml.safe_load((ROOT / "grafana/kustomization.yaml").read_text(encoding="utf-8"))
    assert content["generatorOptions"]["labels"] == {"grafana_dashboard": "1"}
    files = [file for generated in content["configMapGenerator"] for file in generated["files"]]
    boards = sorted((ROOT / "grafana/dashboards").glob("*.json"))
    assert files == [f"dashboards/{board.name}" for board in boards]
    for board in boards:
        assert json.loads(board.read_text(encoding="utf-8"))["uid"] == board.stem
        assert board.stat().st_size < CONFIG_MAP


def test_rules_are_prometheus_own(tmp_path: Path, promtool: Run) -> None:
    assert MANIFEST.read_text(encoding="utf-8") == prometheus_rule(), "run make manifests"
    spec = manifest("PrometheusRule")["spec"]
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))
    assert {group.pop("interval") for group in spec["groups"]} == {config["global"]["evaluation_interval"]}
    files = sorted((PROMETHEUS / "rules").glob("*.yml"))
    assert spec["groups"] == [
        group for file in files for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    ]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    assert "SUCCESS" in promtool("check", "rules", tmp_path / "rules.yml")


def test_prometheus_finds_every_exporter_under_the_name_that_the_rules_know() -> None:
    spec, service = manifest("ServiceMonitor")["spec"], manifest("Service")
    assert spec["selector"]["matchLabels"] == service["metadata"]["labels"]
    assert spec["namespaceSelector"] == {"any": True}
    (endpoint,) = spec["endpoints"]
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert {"targetLabel": "job", "replacement": "aircall"} in endpoint["relabelings"]
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))
    assert endpoint["interval"] == config["global"]["scrape_interval"]


def test_what_belongs_together_has_the_same_labels_and_ports() -> None:
    labels = STATEFUL["template"]["metadata"]["labels"]
    policy, service = manifest("NetworkPolicy")["spec"], manifest("Service")["spec"]
    assert STATEFUL["selector"]["matchLabels"] == service["selector"] == labels
    assert policy["podSelector"]["matchLabels"] == labels
    assert STATEFUL["serviceName"] == manifest("Service")["metadata"]["name"]
    ports = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
    asked = [service["ports"][0]["targetPort"], *(rule["port"] for rule in policy["ingress"][0]["ports"])]
    asked += [CONTAINER[f"{kind}Probe"]["httpGet"]["port"] for kind in ("liveness", "readiness")]
    assert set(asked) == set(ports)
    assert ports == {"http": 9979}


def test_never_two_exporters_at_a_time() -> None:
    assert STATEFUL["replicas"] == 1


def test_the_pod_may_do_nothing_but_serve_and_keep() -> None:
    pod, container = POD["securityContext"], CONTAINER["securityContext"]
    assert pod["runAsNonRoot"] is True
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert f"--uid {pod['runAsUser']} " in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert container == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert POD["automountServiceAccountToken"] is False
    assert CONTAINER["resources"]["limits"]["memory"]
    writable = {mount["name"] for mount in CONTAINER["volumeMounts"] if not mount.get("readOnly")}
    assert writable == {"data", "tmp"}


def patched(manifest: dict[str, Any], patch: list[dict[str, Any]]) -> dict[str, Any]:
    """Apply a JSON patch to a manifest."""
    whole = copy.deepcopy(manifest)
    for step in patch:
        *way, last = step["path"].strip("/").split("/")
        place: Any = whole
        for name in way:
            place = place[int(name) if isinstance(place, list) else name]
        if step["op"] == "remove":
            del place[last]
        elif last == "-":
            place.append(step["value"])
        else:
            assert (last in place) == (step["op"] == "replace")
            place[last] = step["value"]
    return whole


def test_a_second_pod_stands_by_on_another_machine_and_keeps_nothing() -> None:
    content = yaml.safe_load((KUBERNETES / "standby/kustomization.yaml").read_text(encoding="utf-8"))
    (change,) = content["patches"]
    base = manifest("StatefulSet")
    assert change["target"] == {"kind": base["kind"], "name": base["metadata"]["name"]}
    pair = patched(base, yaml.safe_load(change["patch"]))
    for version in SUPPORTED:
        kubernetes_validate.validate(pair, version, strict=True)
    spec, pod = pair["spec"], pair["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert (spec["replicas"], spec["updateStrategy"]) == (2, {"type": "OnDelete"})
    assert {mount["name"] for mount in container["volumeMounts"]} == {each["name"] for each in pod["volumes"]}
    (apart,) = pod["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert apart["labelSelector"]["matchLabels"] == spec["selector"]["matchLabels"]
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    files = {each["name"]: each["value"] for each in container["env"]}
    assert files["AIRCALL_STORAGE_URL_FILE"] == f"{mounted['credential']}/storage-url"


def test_the_image_is_this_version() -> None:
    assert CONTAINER["image"] == f"aircall-exporter:{VERSION}"


@pytest.mark.parametrize("file", sorted(KUBERNETES.glob("*/aircall.yml")), ids=lambda file: file.parent.name)
def test_settings_can_be_read(file: Path) -> None:
    load(str(file), {"AIRCALL_API_ID": "id", "AIRCALL_API_TOKEN": "token"})


def test_what_the_pod_starts_runs_with_what_is_mounted(tmp_path: Path) -> None:
    """With every volume as a directory, and probes that are answered."""
    mounts = {mount["mountPath"]: tmp_path / mount["name"] for mount in CONTAINER["volumeMounts"]}
    volumes = {volume["name"] for volume in (*POD["volumes"], *({"name": "data"},))}
    assert {mount["name"] for mount in CONTAINER["volumeMounts"]} == volumes

    def here(text: str) -> str:
        return re.sub("|".join(mounts), lambda found: str(mounts[found[0]]), text)

    account = SimulatedAccount(users=6, calls_per_hour=0, start=time.time())
    with SimulatedAircall(account, rate_limit=6000) as aircall:
        for directory in mounts.values():
            directory.mkdir()
        (tmp_path / "settings/aircall.yml").write_bytes((KUBERNETES / "exporter/aircall.yml").read_bytes())
        (tmp_path / "credential/api-id").write_text(aircall.api_id, encoding="utf-8")
        (tmp_path / "credential/api-token").write_text(aircall.api_token, encoding="utf-8")
        environ = {each["name"]: here(each["value"]) for each in CONTAINER["env"]}
        environ["AIRCALL_BASE_URL"] = aircall.base_url
        with process(*map(here, CONTAINER["args"]), **environ) as exporter:
            for kind in ("liveness", "readiness"):
                path = CONTAINER[f"{kind}Probe"]["httpGet"]["path"]
                eventually(lambda path=path: requests.get(exporter.url + path, timeout=10).ok)
    assert (tmp_path / "data/archive.sqlite").exists()
