"""The reference pages say what the code does."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from exporter.cli import parser
from exporter.config import Settings, load
from exporter.durations import Duration
from tests.reference import METRICS, metrics_page

DOCS = Path(__file__).parents[1] / "docs"
CONFIGURATION = (DOCS / "configuration.md").read_text(encoding="utf-8")
CREDENTIAL = {"AIRCALL_API_ID": "id", "AIRCALL_API_TOKEN": "token"}


def test_metrics_page_is_up_to_date() -> None:
    assert METRICS.read_text(encoding="utf-8") == metrics_page(), "run make docs"


def keys(section: type[msgspec.Struct], prefix: str = "") -> Iterator[tuple[str, object]]:
    for field in msgspec.structs.fields(section):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from keys(field.type, f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}", field.default


def shown(value: object) -> str:
    if value == "":
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{'[]' if value == () else value}`"


def test_every_key_is_documented_with_its_default() -> None:
    table = dict(re.findall(r"^\| `([a-z_.]+)` \| (\S+) \| ", CONFIGURATION, re.MULTILINE))
    assert {key: shown(default) for key, default in keys(Settings)} == table
    assert str(Duration(900)) == "15m"


def test_the_example_is_what_is_in_force_without_a_file(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(.*?)```", CONFIGURATION, re.DOTALL)
    assert example
    file = tmp_path / "aircall.yml"
    file.write_text(example[1])
    assert load(str(file), CREDENTIAL) == load(None, CREDENTIAL)


@pytest.mark.parametrize("line", re.findall(r"--[a-z.-]+", parser().format_help()))
def test_every_flag_is_documented(line: str) -> None:
    assert f"`{line}`" in CONFIGURATION
