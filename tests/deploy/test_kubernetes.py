"""The Kubernetes manifests: valid, complete, locked down, and their command runs.

There is no schema of the Prometheus operator's kinds here. promtool checks the rules.
"""

import copy
import json
import re
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it has no types
import pytest
import requests
import yaml

from deploy.rules import MANIFEST, PROMETHEUS, prometheus_rule
from exporter.config.loader import load
from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from exporter.version import VERSION
from harness.process import COMMAND, process
from tests.support.running import eventually
from tests.support.stack import ROOT, Run

KUBERNETES = ROOT / "deploy/kubernetes"
KUSTOMIZATIONS = [*sorted(KUBERNETES.glob("*/kustomization.yaml")), ROOT / "grafana/kustomization.yaml"]
SUPPORTED = ("1.29", kubernetes_validate.latest_version())
"""The oldest and the newest Kubernetes with whose schemas the manifests are validated."""

OPERATORS = ("ServiceMonitor", "PrometheusRule")
CONFIG_MAP = 2**20
"""The largest size of a ConfigMap's data (bytes)."""


def succeeds(url: str) -> bool:
    return requests.get(url, timeout=10).ok


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
def test_manifests_are_valid_for_each_supported_kubernetes(version: str) -> None:
    kinds = set()
    for _, each in manifests():
        kinds.add(each["kind"])
        if each["kind"] not in OPERATORS:
            kubernetes_validate.validate(each, version, strict=True)
    assert kinds == {"StatefulSet", "Service", "NetworkPolicy", "Namespace", *OPERATORS}


@pytest.mark.parametrize("file", KUSTOMIZATIONS, ids=lambda file: file.parent.name)
def test_kustomization_names_all_its_files(file: Path) -> None:
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    directory, used = file.parent, set()
    for name in content.get("resources", ()):
        if name.startswith("../"):
            assert (directory / name / "kustomization.yaml").exists()
        else:
            used.add(name)
    for generated in content.get("configMapGenerator", ()):
        assert all((directory / name).exists() for name in generated["files"])
    assert used == {each.name for each in directory.glob("*.yaml")} - {file.name}


def test_dashboards_fit_into_config_maps() -> None:
    content = yaml.safe_load((ROOT / "grafana/kustomization.yaml").read_text(encoding="utf-8"))
    assert content["generatorOptions"]["labels"] == {"grafana_dashboard": "1"}
    files = [file for generated in content["configMapGenerator"] for file in generated["files"]]
    dashboards = sorted((ROOT / "grafana/dashboards").glob("*.json"))
    assert files == [f"dashboards/{dashboard.name}" for dashboard in dashboards]
    for dashboard in dashboards:
        assert json.loads(dashboard.read_text(encoding="utf-8"))["uid"] == dashboard.stem
        assert dashboard.stat().st_size < CONFIG_MAP


def test_prometheus_rule_equals_the_rules_of_prometheus(tmp_path: Path, promtool: Run) -> None:
    assert MANIFEST.read_text(encoding="utf-8") == prometheus_rule(), "run make manifests"
    spec = manifest("PrometheusRule")["spec"]
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))
    default = {"interval": config["global"]["evaluation_interval"]}
    files = sorted((PROMETHEUS / "rules").glob("*.yml"))
    assert spec["groups"] == [
        default | group
        for file in files
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    ]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    assert "SUCCESS" in promtool("check", "rules", tmp_path / "rules.yml")


def test_service_monitor_selects_the_service_and_sets_the_job() -> None:
    spec, service = manifest("ServiceMonitor")["spec"], manifest("Service")
    assert spec["selector"]["matchLabels"] == service["metadata"]["labels"]
    assert spec["namespaceSelector"] == {"any": True}
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))
    jobs = [job for job in config["scrape_configs"] if job["job_name"] != "prometheus"]
    for endpoint, job in zip(spec["endpoints"], jobs, strict=True):
        assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
        assert {"targetLabel": "job", "replacement": job["job_name"]} in endpoint["relabelings"]
        assert {"instance"} < {each["targetLabel"] for each in endpoint["relabelings"]}
        assert endpoint["interval"] == job.get("scrape_interval", config["global"]["scrape_interval"])
        assert endpoint["params"] == job["params"]
        relabelled = [
            {"target_label": each["targetLabel"], "replacement": each["replacement"]}
            for each in endpoint.get("metricRelabelings", [])
        ]
        assert relabelled == job.get("metric_relabel_configs", [])


def test_manifests_have_the_same_labels_and_ports() -> None:
    labels = STATEFUL["template"]["metadata"]["labels"]
    policy, service = manifest("NetworkPolicy")["spec"], manifest("Service")["spec"]
    assert STATEFUL["selector"]["matchLabels"] == service["selector"] == labels
    assert policy["podSelector"]["matchLabels"] == labels
    assert STATEFUL["serviceName"] == manifest("Service")["metadata"]["name"]
    ports = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
    used = [service["ports"][0]["targetPort"], *(rule["port"] for rule in policy["ingress"][0]["ports"])]
    used += [CONTAINER[f"{kind}Probe"]["httpGet"]["port"] for kind in ("liveness", "readiness")]
    assert set(used) == set(ports)
    assert ports == {"http": 9979}


def test_stateful_set_has_one_replica() -> None:
    assert STATEFUL["replicas"] == 1


def test_pod_is_locked_down() -> None:
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
        *parents, last = step["path"].strip("/").split("/")
        place: Any = whole
        for name in parents:
            place = place[int(name) if isinstance(place, list) else name]
        if step["op"] == "remove":
            del place[last]
        elif last == "-":
            place.append(step["value"])
        else:
            assert (last in place) == (step["op"] == "replace")
            place[last] = step["value"]
    return whole


def test_standby_overlay_runs_two_pods_on_different_nodes() -> None:
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


def test_container_image_has_this_version() -> None:
    assert CONTAINER["image"] == f"aircall-exporter:{VERSION}"


@pytest.mark.parametrize("file", sorted(KUBERNETES.glob("*/aircall.yml")), ids=lambda file: file.parent.name)
def test_configuration_of_each_overlay_is_valid(file: Path) -> None:
    load(str(file), {"AIRCALL_API_ID": "id", "AIRCALL_API_TOKEN": "token"})


def test_container_command_runs_with_the_mounted_volumes(tmp_path: Path) -> None:
    """Each volume is a directory, and the probes succeed."""
    mounts = {mount["mountPath"]: tmp_path / mount["name"] for mount in CONTAINER["volumeMounts"]}
    volumes = {volume["name"] for volume in (*POD["volumes"], *({"name": "data"},))}
    assert {mount["name"] for mount in CONTAINER["volumeMounts"]} == volumes

    def in_directory(text: str) -> str:
        return re.sub("|".join(mounts), lambda found: str(mounts[found[0]]), text)

    account = SimulatedAccount(users=6, calls_per_hour=0, start=time.time())
    with SimulatedAircall(account, rate_limit=6000) as aircall:
        for directory in mounts.values():
            directory.mkdir()
        (tmp_path / "settings/aircall.yml").write_bytes((KUBERNETES / "exporter/aircall.yml").read_bytes())
        (tmp_path / "credential/api-id").write_text(aircall.api_id, encoding="utf-8")
        (tmp_path / "credential/api-token").write_text(aircall.api_token, encoding="utf-8")
        environ = {each["name"]: in_directory(each["value"]) for each in CONTAINER["env"]}
        environ["AIRCALL_BASE_URL"] = aircall.base_url
        with process(*map(in_directory, CONTAINER["args"]), command=COMMAND, **environ) as exporter:
            for kind in ("liveness", "readiness"):
                path = CONTAINER[f"{kind}Probe"]["httpGet"]["path"]
                eventually(partial(succeeds, exporter.url + path))
    assert (tmp_path / "data/archive.sqlite").exists()
