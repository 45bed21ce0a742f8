"""Generate the PrometheusRule from prometheus/rules (`make manifests`).

A test compares the committed file.
"""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
MANIFEST = ROOT / "deploy/kubernetes/monitoring/prometheusrule.yaml"
PROMETHEUS = ROOT / "prometheus"

_HEADER = """# By `make manifests` from prometheus/rules.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: aircall
  labels:
    app.kubernetes.io/name: aircall-exporter
spec:
  groups:
"""


def prometheus_rule() -> str:
    """Return the manifest. Groups without an interval get that of prometheus.yml, which the alerts expect."""
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))
    interval = config["global"]["evaluation_interval"]
    groups = [
        file.read_text(encoding="utf-8").partition("\ngroups:\n")[2]
        for file in sorted((PROMETHEUS / "rules").glob("*.yml"))
    ]
    indented = re.sub(r"^(?=.)", "  ", "\n".join(groups), flags=re.MULTILINE)
    return _HEADER + re.sub(
        r"^( +)- name: .+$(?!\n\1  interval:)",
        rf"\g<0>\n\1  interval: {interval}",
        indented,
        flags=re.MULTILINE,
    )


if __name__ == "__main__":
    MANIFEST.write_text(prometheus_rule(), encoding="utf-8")
