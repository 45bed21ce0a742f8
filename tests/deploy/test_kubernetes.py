"""The objects that the Helm chart renders: valid, consistent and locked down.

There is no schema of the Prometheus operator's kinds here. promtool checks the rules.
"""

import json
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it has no types
import pytest
import yaml

from deploy.renderings import SAMPLES
from exporter.config.loader import load
from exporter.version import VERSION
from scripts.repository import repository_url
from tests.support.renderings import NAMES, container, is_dashboard, kinds, objects, only, pod, settings
from tests.support.stack import ROOT, Run

SUPPORTED = ("1.29", kubernetes_validate.latest_version())
"""The oldest and the newest Kubernetes with whose schemas the objects are validated."""

OPERATORS = {"ServiceMonitor", "PrometheusRule"}
EXPORTER = {"StatefulSet", "Service", "ServiceAccount", "ConfigMap", "NetworkPolicy"}
CONFIG_MAP = 2**20
"""The largest size of a ConfigMap's data (bytes)."""

DASHBOARDS = ROOT / "grafana/dashboards"
PROMETHEUS = ROOT / "prometheus"
CONFIG = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))

each_rendering = pytest.mark.parametrize("name", NAMES)


@each_rendering
@pytest.mark.parametrize("version", SUPPORTED)
def test_objects_are_valid_for_each_supported_kubernetes(name: str, version: str) -> None:
    validated = [each for each in objects(name) if each["kind"] not in OPERATORS]
    for each in validated:
        kubernetes_validate.validate(each, version, strict=True)
    assert len(validated) >= 5


def test_renderings_have_each_kind() -> None:
    assert kinds("default") == EXPORTER
    assert kinds("monitoring") == EXPORTER | OPERATORS
    assert kinds("standby") == EXPORTER | {"PodDisruptionBudget"}
    assert kinds("options") == EXPORTER - {"ServiceAccount"} | {"Ingress", "ServiceMonitor"}


@each_rendering
def test_each_object_has_a_name_of_its_own_its_namespace_and_the_labels_of_helm(name: str) -> None:
    names = [(each["kind"], each["metadata"]["name"]) for each in objects(name)]
    assert len(set(names)) == len(names)
    for each in objects(name):
        for_monitoring = name == "monitoring" and (each["kind"] in OPERATORS or is_dashboard(each))
        assert each["metadata"]["namespace"] == ("monitoring" if for_monitoring else "aircall")
        assert (
            each["metadata"]["labels"].items()
            >= {
                "app.kubernetes.io/name": "aircall-exporter",
                "app.kubernetes.io/instance": "aircall-exporter",
                "app.kubernetes.io/version": VERSION,
                "app.kubernetes.io/managed-by": "Helm",
                "helm.sh/chart": f"aircall-exporter-{VERSION}",
            }.items()
        )


@each_rendering
def test_objects_select_the_pods_and_name_their_ports(name: str) -> None:
    stateful = only(name, "StatefulSet")["spec"]
    selected, labels = stateful["selector"]["matchLabels"], stateful["template"]["metadata"]["labels"]
    service, policy = only(name, "Service")["spec"], only(name, "NetworkPolicy")["spec"]
    assert selected == service["selector"] == policy["podSelector"]["matchLabels"]
    assert selected.items() <= labels.items()
    assert stateful["serviceName"] == only(name, "Service")["metadata"]["name"]
    ports = {port["name"]: port["containerPort"] for port in container(name)["ports"]}
    assert {port["targetPort"]: port["port"] for port in service["ports"]} == ports
    assert [rule["ports"] for rule in policy["ingress"]] == [
        [{"protocol": "TCP", "port": port}] for port in ports
    ]
    assert {container(name)[f"{kind}Probe"]["httpGet"]["port"] for kind in ("liveness", "readiness")} == {
        "http"
    }
    assert ports == {"http": 9979} | ({"webhook": 9980} if name == "options" else {})


@each_rendering
def test_pod_is_locked_down(name: str) -> None:
    context, own = pod(name)["securityContext"], container(name)
    assert context["runAsNonRoot"] is True
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert f"--uid {context['runAsUser']} " in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert own["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod(name)["automountServiceAccountToken"] is False
    assert own["resources"]["limits"]["memory"]
    writable = {mount["name"] for mount in own["volumeMounts"] if not mount.get("readOnly")}
    assert writable == {"data", "tmp"}


@each_rendering
def test_pod_mounts_each_volume(name: str) -> None:
    claims = only(name, "StatefulSet")["spec"].get("volumeClaimTemplates", [])
    volumes = [volume["name"] for volume in pod(name)["volumes"]]
    volumes += [claim["metadata"]["name"] for claim in claims]
    mounted = [mount["name"] for mount in container(name)["volumeMounts"]]
    assert sorted(mounted) == sorted(volumes)
    assert len(claims) == (name in {"default", "monitoring"})


@each_rendering
def test_image_is_that_of_this_version(name: str) -> None:
    image = container(name)["image"]
    if name == "options":
        assert image == f"registry.example.com/aircall-exporter@sha256:{'0' * 64}"
    else:
        assert image == f"{repository_url().replace('https://github.com', 'ghcr.io')}:{VERSION}"


@each_rendering
def test_settings_are_valid(name: str, tmp_path: Path) -> None:
    file, key = tmp_path / "aircall.yml", tmp_path / "caller-key"
    key.write_text("k" * 32, encoding="utf-8")
    file.write_text(settings(name).replace("/run/secrets/aircall/caller-key", str(key)), encoding="utf-8")
    secrets = {"api-id": "id", "storage-url": "postgresql+psycopg://aircall@db/aircall"}
    environ = {}
    for each in container(name)["env"]:
        if each["value"].startswith("/run/secrets/aircall/"):
            secret = tmp_path / Path(each["value"]).name
            secret.write_text(secrets.get(secret.name, "a-token-of-aircall") + "\n", encoding="utf-8")
            environ[each["name"]] = str(secret)
        else:
            environ[each["name"]] = each["value"]
    load(str(file), environ)


def test_one_pod_runs_unless_there_is_a_standby_pair() -> None:
    assert {name: only(name, "StatefulSet")["spec"]["replicas"] for name in NAMES} == {
        name: 2 if name == "standby" else 1 for name in NAMES
    }


def test_standby_pair_runs_on_different_nodes_and_one_may_be_evicted() -> None:
    spec, budget = only("standby", "StatefulSet")["spec"], only("standby", "PodDisruptionBudget")["spec"]
    assert spec["updateStrategy"] == {"type": "OnDelete"}
    (apart,) = pod("standby")["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert apart["topologyKey"] == "kubernetes.io/hostname"
    assert apart["labelSelector"] == budget["selector"] == spec["selector"]
    assert budget["minAvailable"] == 0
    assert yaml.safe_load(settings("standby"))["storage"] == {
        "standby": True,
        "key_file": "/run/secrets/aircall/caller-key",
    }


def test_ingress_has_the_path_of_the_webhook_alone() -> None:
    spec = only("options", "Ingress")["spec"]
    (rule,) = spec["rules"]
    (path,) = rule["http"]["paths"]
    assert (path["path"], path["pathType"]) == ("/aircall/webhook", "Exact")
    assert path["backend"]["service"] == {"name": "aircall-france", "port": {"name": "webhook"}}
    assert yaml.safe_load(settings("options"))["webhook"] == {"listen_address": ":9980", "refresh": "2m"}
    assert spec["tls"] == [{"hosts": [rule["host"]], "secretName": "calls-example-com"}]


def test_settings_have_the_values_of_the_chart() -> None:
    values = yaml.safe_load((ROOT / "deploy/kubernetes/values/options.yaml").read_text(encoding="utf-8"))
    rendered = yaml.safe_load(settings("options"))
    rendered["webhook"].pop("listen_address")
    assert rendered == values["config"]


def test_dashboards_are_in_config_maps() -> None:
    found = [each for each in objects("monitoring") if is_dashboard(each)]
    expected = sorted((ROOT / SAMPLES / "dashboards").glob("*.json"))
    assert [list(each["data"]) for each in found] == [[file.name] for file in expected]
    for each, file in zip(found, expected, strict=True):
        assert each["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert each["metadata"]["annotations"] == {"grafana_folder": "Aircall"}
        assert each["metadata"]["namespace"] == "monitoring"
        assert each["data"][file.name] == file.read_text(encoding="utf-8")
        assert json.loads(each["data"][file.name])["uid"] == file.stem


@pytest.mark.parametrize("file", sorted(DASHBOARDS.glob("*.json")), ids=lambda file: file.stem)
def test_dashboard_fits_a_config_map(file: Path) -> None:
    assert file.stat().st_size < CONFIG_MAP
    assert file.name.startswith("aircall-")


def test_prometheus_rule_has_each_group_with_an_interval(tmp_path: Path, promtool: Run) -> None:
    rule = only("monitoring", "PrometheusRule")
    default = {"interval": CONFIG["global"]["evaluation_interval"]}
    assert rule["spec"]["groups"] == [
        default | group
        for file in sorted((ROOT / SAMPLES / "rules").glob("*.yml"))
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    ]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rule["spec"]), encoding="utf-8")
    assert "SUCCESS" in promtool("check", "rules", tmp_path / "rules.yml")


@pytest.mark.parametrize("name", ["monitoring", "options"])
def test_service_monitor_selects_the_service_and_has_both_jobs(name: str) -> None:
    spec, service = only(name, "ServiceMonitor")["spec"], only(name, "Service")
    assert spec["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert spec["namespaceSelector"] == {"matchNames": ["aircall"]}
    jobs = [job for job in CONFIG["scrape_configs"] if job["job_name"] != "prometheus"]
    for endpoint, job in zip(spec["endpoints"], jobs, strict=True):
        assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
        assert {"targetLabel": "job", "replacement": job["job_name"]} in endpoint["relabelings"]
        assert {"instance"} < {each["targetLabel"] for each in endpoint["relabelings"]}
        assert endpoint["interval"] == job.get("scrape_interval", CONFIG["global"]["scrape_interval"])
        assert endpoint["params"] == job["params"]
        relabelled = [
            {"target_label": each["targetLabel"], "replacement": each["replacement"]}
            for each in endpoint.get("metricRelabelings", [])
        ]
        assert relabelled == job.get("metric_relabel_configs", [])


def test_https_and_a_prefix_apply_to_probes_and_scrapes() -> None:
    own = container("options")
    for kind, path in (("liveness", "/-/healthy"), ("readiness", "/-/ready")):
        probe: dict[str, Any] = own[f"{kind}Probe"]["httpGet"]
        assert (probe["scheme"], probe["path"]) == ("HTTPS", f"/aircall{path}")
    for endpoint in only("options", "ServiceMonitor")["spec"]["endpoints"]:
        assert (endpoint["scheme"], endpoint["path"]) == ("https", "/aircall/metrics")
        assert endpoint["tlsConfig"] == {"insecureSkipVerify": True}


def test_operators_objects_have_their_namespace_and_labels() -> None:
    for kind in OPERATORS:
        metadata = only("monitoring", kind)["metadata"]
        assert (metadata["namespace"], metadata["labels"]["release"]) == (
            "monitoring",
            "kube-prometheus-stack",
        )
