"""Write the table of the Helm chart's values in docs/kubernetes.md: `make docs`.

`values.yaml` has the defaults, and `values.schema.json` the types and descriptions.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from deploy.chart import CHART, ROOT

PAGE = ROOT / "docs/kubernetes.md"

LONGEST = 60
"""The longest default that the table contains (characters)."""

Schema = dict[str, Any]


class Value(NamedTuple):
    """A value of the chart."""

    name: str
    default: object
    schema: Schema


def schema(root: Path = ROOT) -> Schema:
    """Return the schema of the values."""
    content: Schema = json.loads((root / CHART / "values.schema.json").read_text(encoding="utf-8"))
    return content


def values(root: Path = ROOT) -> list[Value]:
    """Return the values of the chart.

    Raises:
        KeyError: `values.yaml` has a value that the schema does not describe.
    """
    defaults = yaml.safe_load((root / CHART / "values.yaml").read_text(encoding="utf-8"))
    return list(_values(defaults, schema(root), ""))


def _values(defaults: dict[str, Any], section: Schema, prefix: str) -> Iterator[Value]:
    for key, default in defaults.items():
        each = section["properties"][key]
        if "properties" in each:
            yield from _values(default, each, f"{prefix}{key}.")
        else:
            yield Value(f"{prefix}{key}", default, each)


def with_table(page: str) -> str:
    """Return the page with the table of values."""
    rows = "".join(map(_row, values()))
    table = f"| value | type | default | meaning |\n| --- | --- | --- | --- |\n{rows}"
    return re.sub(
        r"(<!-- by make docs -->\n).*?(<!-- end -->)",
        lambda found: found[1] + table + found[2],
        page,
        flags=re.DOTALL,
    )


def _row(value: Value) -> str:
    default = f"`{json.dumps(value.default)}`" if value.default != "" else "none"
    shown = default if len(default) <= LONGEST else "see `values.yaml`"
    return f"| `{value.name}` | {value.schema['type']} | {shown} | {value.schema['description']} |\n"


def write() -> None:
    """Write the page."""
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
