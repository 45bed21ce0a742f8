"""Configuration files that are not what they look like: an error is one line, and never shows a secret."""

from pathlib import Path

import pytest

from exporter.config.loader import load
from exporter.config.yaml_file import ConfigError
from exporter.web.config import load_web_config

KNOWN = {"AIRCALL_API_ID": "id", "AIRCALL_API_TOKEN": "token"}


ODD = {
    "circle": "&a [*a]",
    "circle of mappings": "&a {x: {y: *a}}",
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
def test_an_odd_value_in_the_configuration_is_one_line(tmp_path: Path, odd: str, key: str) -> None:
    file = tmp_path / "aircall.yml"
    file.write_text(f"{key}: {ODD[odd]}\n")
    with pytest.raises(ConfigError) as wrong:
        load(str(file), KNOWN)
    assert len(str(wrong.value)) < 400
    assert "\n" not in str(wrong.value)


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_value_in_the_web_configuration_is_one_line(tmp_path: Path, odd: str) -> None:
    file = tmp_path / "web.yml"
    file.write_text(f"basic_auth_users: {ODD[odd]}\n")
    with pytest.raises(ConfigError) as wrong:
        load_web_config(str(file))
    assert len(str(wrong.value)) < 400
    assert "\n" not in str(wrong.value)


@pytest.mark.parametrize("time", ["09:00", "10:30", "23:59"])
def test_a_time_without_quotes_is_text(tmp_path: Path, time: str) -> None:
    file = tmp_path / "aircall.yml"
    file.write_text(f"teams: [{time}]\n")
    assert load(str(file), KNOWN).teams == (time,)


def test_an_alias_is_fine_where_it_ends(tmp_path: Path) -> None:
    file = tmp_path / "aircall.yml"
    file.write_text("teams: &ours [Support, Sales]\ngroups: [{name: Both, teams: *ours}]\n")
    settings = load(str(file), KNOWN)
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
def test_a_value_that_is_not_what_its_tag_says_is_one_line_without_it(tmp_path: Path, value: str) -> None:
    file = tmp_path / "aircall.yml"
    file.write_text(f"aircall: {{api_token: {value}, base_url: 5}}\n")
    with pytest.raises(ConfigError) as wrong:
        load(str(file), KNOWN)
    assert str(wrong.value).startswith(f"{file}: ")
    assert "secret" not in str(wrong.value)
    assert "\n" not in str(wrong.value)


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system [id]", "!!python/name:os.system", "!!python/object/new:type {}"]
)
def test_no_object_is_made_of_a_tag(tmp_path: Path, tag: str) -> None:
    file = tmp_path / "aircall.yml"
    file.write_text(f"teams: {tag}\n")
    with pytest.raises(ConfigError, match="is not valid YAML"):
        load(str(file), KNOWN)
