"""Errors in YAML files with unusual values: one line that shows no secret."""

from pathlib import Path

import pytest

from exporter.config.loader import load
from exporter.config.yaml_file import ConfigError
from exporter.web.config import load_web_config

CREDENTIAL = {"AIRCALL_API_ID": "id", "AIRCALL_API_TOKEN": "token"}


ODD = {
    "cycle": "&a [*a]",
    "cycle of mappings": "&a {x: {y: *a}}",
    "nested": "[" * 500 + "]" * 500,
    "open": "[" * 500,
    "nested mappings": "{a: " * 500,
    "digits": "9" * 5000,
    "date": "2026-01-01",
    "date as a key": "{2026-01-01: 1}",
    "list as a key": "{[1]: 1}",
    "spaces": " " * 1000 + "x",
    "unpaired surrogate": '"\\ud800"',
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("key", ["sla", "groups"])
def test_load_odd_value_raises_one_line(tmp_path: Path, odd: str, key: str) -> None:
    file = tmp_path / "aircall.yml"
    file.write_text(f"{key}: {ODD[odd]}\n")
    with pytest.raises(ConfigError) as error:
        load(str(file), CREDENTIAL)
    assert len(str(error.value)) < 400
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("odd", ODD)
def test_load_web_config_odd_value_raises_one_line(tmp_path: Path, odd: str) -> None:
    file = tmp_path / "web.yml"
    file.write_text(f"basic_auth_users: {ODD[odd]}\n")
    with pytest.raises(ConfigError) as error:
        load_web_config(str(file))
    assert len(str(error.value)) < 400
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("time", ["09:00", "10:30", "23:59"])
def test_load_time_without_quotes_is_text(tmp_path: Path, time: str) -> None:
    file = tmp_path / "aircall.yml"
    file.write_text(f"teams: [{time}]\n")
    assert load(str(file), CREDENTIAL).teams == (time,)


def test_load_alias_without_a_cycle_is_accepted(tmp_path: Path) -> None:
    file = tmp_path / "aircall.yml"
    file.write_text("teams: &ours [Support, Sales]\ngroups: [{name: Both, teams: *ours}]\n")
    settings = load(str(file), CREDENTIAL)
    assert settings.groups[0].teams == settings.teams == ("Support", "Sales")


@pytest.mark.parametrize(
    "value",
    [
        "!!int",
        "!!int secret",
        "!!float secret",
        "!!bool secret",
        "!!timestamp secret",
        "2001-99-99",
        "!!binary sécret",
        "!!omap secret",
        "!!pairs secret",
        "!!set secret",
        "!!map secret",
        "!!null secret",
        "!!int [secret]",
    ],
)
def test_load_value_that_contradicts_its_tag_raises_one_line_without_it(tmp_path: Path, value: str) -> None:
    file = tmp_path / "aircall.yml"
    file.write_text(f"aircall: {{api_token: {value}, base_url: 5}}\n")
    with pytest.raises(ConfigError) as error:
        load(str(file), CREDENTIAL)
    assert str(error.value).startswith(f"{file}: ")
    assert "secret" not in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system [id]", "!!python/name:os.system", "!!python/object/new:type {}"]
)
def test_load_python_tag_raises_and_creates_no_object(tmp_path: Path, tag: str) -> None:
    file = tmp_path / "aircall.yml"
    file.write_text(f"teams: {tag}\n")
    with pytest.raises(ConfigError, match="is not valid YAML"):
        load(str(file), CREDENTIAL)
