"""The committed renderings of the Helm chart, by their names."""

from functools import cache
from typing import Any

import yaml

from deploy import renderings
from tests.support.stack import ROOT

Object = dict[str, Any]

NAMES = [each.file.stem for each in renderings.manifests()]


@cache
def objects(name: str) -> list[Object]:
    """Return the objects of a rendering."""
    text = (ROOT / renderings.MANIFESTS / f"{name}.yaml").read_text(encoding="utf-8")
    return list(yaml.load_all(text, yaml.CSafeLoader))


def kinds(name: str) -> set[str]:
    return {each["kind"] for each in objects(name)}


def only(name: str, kind: str) -> Object:
    """Return the only object of a kind in a rendering, without those for Grafana."""
    (found,) = [each for each in objects(name) if each["kind"] == kind and not is_dashboard(each)]
    return found


def is_dashboard(each: Object) -> bool:
    return "grafana_dashboard" in each["metadata"]["labels"]


def pod(name: str) -> Object:
    """Return the specification of the pods of a rendering."""
    found: Object = only(name, "StatefulSet")["spec"]["template"]["spec"]
    return found


def container(name: str) -> Object:
    (found,) = pod(name)["containers"]
    return dict(found)


def settings(name: str) -> str:
    """Return the configuration file of a rendering."""
    return str(only(name, "ConfigMap")["data"]["aircall.yml"])
