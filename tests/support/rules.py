"""The repository's rules."""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]


PROMETHEUS = ROOT / "prometheus"


RULES: list[dict[str, Any]] = [
    rule
    for file in sorted(PROMETHEUS.glob("rules/*.yml"))
    for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]

RECORDED = {rule["record"] for rule in RULES if "record" in rule}
