"""The reference pages agree with the code."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from exporter.api.answers import Calls, ListedCall
from exporter.api.openapi import openapi
from exporter.archive import create_tables
from exporter.archive.criteria import PARAMETERS
from exporter.cli import exit_codes
from exporter.cli.exit_codes import ExitCode
from exporter.cli.main import COMMANDS, parser
from exporter.config.loader import load
from exporter.config.settings import Settings
from exporter.durations import Duration
from exporter.report import parameters as report_parameters
from exporter.report.rows import Report, ReportRow
from scripts.reference import METRICS, RELIABILITY, metrics_page, reliability_page

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
CONFIGURATION = (DOCS / "configuration.md").read_text(encoding="utf-8")
CREDENTIAL = {"AIRCALL_API_ID": "id", "AIRCALL_API_TOKEN": "token"}


def test_metrics_page_is_up_to_date() -> None:
    assert METRICS.read_text(encoding="utf-8") == metrics_page(), "run make docs"


PROMISES = RELIABILITY.read_text(encoding="utf-8")


def test_reliability_page_is_up_to_date() -> None:
    assert reliability_page(PROMISES) == PROMISES, "run make docs"


def test_reliability_page_names_tests_that_exist() -> None:
    tests = re.findall(r"`(tests/\S+)::(\w+)`", PROMISES)
    assert len(tests) > 50
    missing = [
        f"{file}::{name}"
        for file, name in tests
        if f"def {name}(" not in (ROOT / file).read_text(encoding="utf-8")
    ]
    assert missing == []


def keys(section: type[msgspec.Struct], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield the keys of a section of the configuration, and their defaults."""
    for field in msgspec.structs.fields(section):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from keys(field.type, f"{prefix}{field.name}.")
        else:
            default = {} if field.default is msgspec.NODEFAULT else field.default
            yield f"{prefix}{field.name}", default


def documented(value: object) -> str:
    """Return a default value as the table of keys shows it."""
    if value in ("", None):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`[{', '.join(value)}]`" if isinstance(value, tuple) else f"`{value}`"


def test_configuration_page_lists_every_key_with_its_default() -> None:
    table = dict(re.findall(r"^\| `([a-z_.]+)` \| (\S+) \| ", CONFIGURATION, re.MULTILINE))
    assert {key: documented(default) for key, default in keys(Settings)} == table
    assert str(Duration(900)) == "15m"


def test_configuration_example_equals_the_defaults(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(.*?)```", CONFIGURATION, re.DOTALL)
    assert example
    file = tmp_path / "aircall.yml"
    file.write_text(example[1])
    assert load(str(file), CREDENTIAL) == load(None, CREDENTIAL)


def test_configuration_page_lists_every_flag() -> None:
    flags = set(re.findall(r"--[a-z.-]+", parser().format_help()))
    assert len(flags) > 5
    assert flags <= set(re.findall(r"`(--[a-z.-]+)`", CONFIGURATION))


def test_configuration_page_lists_every_exit_code_with_its_meaning() -> None:
    source = Path(exit_codes.__file__).read_text(encoding="utf-8")
    codes = re.findall(r'^    ([A-Z_]+) = (\d+)\n    """(.+)"""$', source, re.MULTILINE)
    assert [(name, int(code)) for name, code, _ in codes] == [(each.name, each) for each in ExitCode]
    table = re.findall(r"^\| (\d+) \| `([A-Z_]+)` \| (.+) \|$", CONFIGURATION, re.MULTILINE)
    assert table == [(code, name, meaning) for name, code, meaning in codes]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_configuration_page_lists_every_command(command: ModuleType) -> None:
    name = command.__name__.rpartition(".")[2].replace("_", "-")
    assert re.search(rf"^\| .*`{name}\b", CONFIGURATION, re.MULTILINE)


API = (DOCS / "api.md").read_text(encoding="utf-8")


def test_api_page_lists_exactly_the_parameters() -> None:
    parameters = openapi()["paths"]["/api/v1/calls"]["get"]["parameters"]
    rows = re.findall(r"^\| (`.*?`) \| ", API, re.MULTILINE)
    assert re.findall(r"`([a-z_]+)`", " ".join(rows)) == [parameter["name"] for parameter in parameters]


def test_api_example_is_a_complete_response() -> None:
    example = re.search(r"```json\n(.*?)```", API, re.DOTALL)
    assert example
    response = msgspec.json.decode(example[1].encode(), type=Calls)
    assert msgspec.json.decode(example[1].encode()) == msgspec.json.decode(msgspec.json.encode(response))
    assert response.calls
    for call in response.calls:
        assert call.duration == (call.ended_at or 0) - call.started_at


def test_openapi_describes_every_schema_and_parameter() -> None:
    description = msgspec.json.encode(openapi()).decode()
    schemas = openapi()["components"]["schemas"]
    assert set(re.findall(r"#/components/schemas/(\w+)", description)) == schemas.keys()
    assert schemas["ListedCall"]["properties"].keys() == set(ListedCall.__struct_fields__)
    assert {parameter.name for parameter in PARAMETERS} | {"limit", "cursor"} == {
        parameter["name"] for parameter in openapi()["paths"]["/api/v1/calls"]["get"]["parameters"]
    }


FORMAT_FLAGS = ("format", "separator", "bom")


def test_archive_page_lists_exactly_the_search_flags() -> None:
    archive = (DOCS / "archive.md").read_text(encoding="utf-8")
    listed = re.findall(r"`--([a-z-]+)`", "".join(re.findall(r"^\| (`--.*?) \| ", archive, re.MULTILINE)))
    flags = [parameter.name.replace("_", "-") for parameter in PARAMETERS]
    flags += [
        f"no-{parameter.name.replace('_', '-')}" for parameter in PARAMETERS if parameter.kind == "truth"
    ]
    assert sorted(listed) == sorted([*flags, *FORMAT_FLAGS, "limit", "sort", "longest", "utc"])


REPORTS = (DOCS / "reports.md").read_text(encoding="utf-8")


def test_reports_page_lists_exactly_the_flags_and_columns() -> None:
    rows = "".join(re.findall(r"^\| (`--.*?) \| ", REPORTS, re.MULTILINE))
    flags = [parameter.name for parameter in report_parameters.PARAMETERS]
    assert sorted(re.findall(r"`--([a-z]+)`", rows)) == sorted([*flags, *FORMAT_FLAGS])
    columns = re.findall(r"\(`([a-z_]+)`\)", "".join(re.findall(r"^\| (.*?) \| ", REPORTS, re.MULTILINE)))
    assert columns == list(ReportRow.__struct_fields__)
    parameters = openapi()["paths"]["/api/v1/report"]["get"]["parameters"]
    assert [parameter["name"] for parameter in parameters] == flags


def test_reports_example_is_a_complete_response() -> None:
    example = re.search(r"```json\n(.*?)```", REPORTS, re.DOTALL)
    assert example
    response = msgspec.json.decode(example[1].encode(), type=Report)
    assert msgspec.json.decode(example[1].encode()) == msgspec.json.decode(msgspec.json.encode(response))


def test_stability_page_names_the_dashboards_and_the_version_of_the_tables() -> None:
    page = (DOCS / "stability.md").read_text(encoding="utf-8")
    (uids,) = re.findall(r"^Uids of the dashboards: (.*)$", page, re.MULTILINE)
    dashboards = {file.stem for file in (ROOT / "grafana/dashboards").glob("*.json")}
    assert set(re.findall(r"`([a-z-]+)`", uids)) == dashboards
    assert f"which is {create_tables.VERSION} in this version" in page


def test_contributing_page_names_files_that_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    paths = {*re.findall(r"`((?:exporter|tests|docs|prometheus|grafana|deploy)/[\w./]+)`", text)}
    paths |= {*re.findall(r"\]\(([\w./]+)\)", text)}
    assert len(paths) > 25
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []
