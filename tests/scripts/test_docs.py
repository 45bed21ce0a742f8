"""The reference pages say what the code does."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from exporter.api.answers import Calls, ListedCall
from exporter.api.openapi import openapi
from exporter.archive.criteria import PARAMETERS
from exporter.cli import exit_codes
from exporter.cli.exit_codes import ExitCode
from exporter.cli.main import COMMANDS, parser
from exporter.config.loader import load
from exporter.config.settings import Settings
from exporter.durations import Duration
from scripts.reference import METRICS, RELIABILITY, metrics_page, reliability_page

DOCS = Path(__file__).parents[2] / "docs"
CONFIGURATION = (DOCS / "configuration.md").read_text(encoding="utf-8")
CREDENTIAL = {"AIRCALL_API_ID": "id", "AIRCALL_API_TOKEN": "token"}


def test_metrics_page_is_up_to_date() -> None:
    assert METRICS.read_text(encoding="utf-8") == metrics_page(), "run make docs"


PROMISES = RELIABILITY.read_text(encoding="utf-8")


def test_the_table_of_faults_is_that_of_the_tests() -> None:
    assert reliability_page(PROMISES) == PROMISES, "run make docs"


@pytest.mark.parametrize("test", re.findall(r"`(tests/\S+::\w+)`", PROMISES))
def test_a_promise_is_kept_by_a_test(test: str) -> None:
    file, name = test.split("::")
    assert f"def {name}(" in (DOCS.parent / file).read_text(encoding="utf-8")


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


def test_exit_codes_are_documented_with_their_meanings() -> None:
    source = Path(exit_codes.__file__).read_text(encoding="utf-8")
    codes = re.findall(r'^    ([A-Z_]+) = (\d+)\n    """(.+)"""$', source, re.MULTILINE)
    assert [(name, int(code)) for name, code, _ in codes] == [(each.name, each) for each in ExitCode]
    documented = re.findall(r"^\| (\d+) \| `([A-Z_]+)` \| (.+) \|$", CONFIGURATION, re.MULTILINE)
    assert documented == [(code, name, meaning) for name, code, meaning in codes]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_every_command_is_documented(command: ModuleType) -> None:
    name = command.__name__.rpartition(".")[2].replace("_", "-")
    assert re.search(rf"^\| .*`{name}\b", CONFIGURATION, re.MULTILINE)


API = (DOCS / "api.md").read_text(encoding="utf-8")


def test_the_parameters_of_the_api_are_documented_and_no_others() -> None:
    described = openapi()["paths"]["/api/v1/calls"]["get"]["parameters"]
    named = re.findall(r"^\| (`.*?`) \| ", API, re.MULTILINE)
    assert re.findall(r"`([a-z_]+)`", " ".join(named)) == [parameter["name"] for parameter in described]


def test_the_answer_of_the_api_is_documented_as_it_is() -> None:
    example = re.search(r"```json\n(.*?)```", API, re.DOTALL)
    assert example
    answer = msgspec.json.decode(example[1].encode(), type=Calls)
    assert msgspec.json.decode(example[1].encode()) == msgspec.json.decode(msgspec.json.encode(answer))
    for listed in answer.calls:
        assert listed.duration == (listed.ended_at or 0) - listed.started_at


def test_the_description_of_the_api_is_whole() -> None:
    description = msgspec.json.encode(openapi()).decode()
    schemas = openapi()["components"]["schemas"]
    assert set(re.findall(r"#/components/schemas/(\w+)", description)) == schemas.keys()
    assert schemas["ListedCall"]["properties"].keys() == set(ListedCall.__struct_fields__)
    assert {parameter.name for parameter in PARAMETERS} | {"limit", "cursor"} == {
        parameter["name"] for parameter in openapi()["paths"]["/api/v1/calls"]["get"]["parameters"]
    }


def test_the_flags_of_a_search_are_documented_and_no_others() -> None:
    archive = (DOCS / "archive.md").read_text(encoding="utf-8")
    documented = re.findall(r"`--([a-z-]+)`", "".join(re.findall(r"^\| (`--.*?) \| ", archive, re.MULTILINE)))
    flags = [parameter.name.replace("_", "-") for parameter in PARAMETERS]
    assert sorted(documented) == sorted([*flags, "no-missed", "format", "limit", "utc"])
