"""Files that would never be done with, or that say more than they should when they are wrong."""

from pathlib import Path

import pytest

from exporter.config.loader import load
from exporter.config.yaml_file import ConfigError
from exporter.web.config import load_web_config

KNOWN = {"AIRCALL_API_ID": "id", "AIRCALL_API_TOKEN": "token"}


def laughs(levels: int, each: int = 10) -> str:
    """Return lists of aliases of each other, which expand to `each` to the power of `levels` values."""
    lists = ["&a0 [lol]"] + [
        f"&a{level} [{', '.join([f'*a{level - 1}'] * each)}]" for level in range(1, levels)
    ]
    return f"[{', '.join(lists)}]"


def merges(levels: int) -> str:
    maps = ["&a0 {k0: 0}"] + [
        f"&a{level} {{<<: [{', '.join([f'*a{level - 1}'] * 10)}]}}" for level in range(1, levels)
    ]
    return f"[{', '.join(maps)}]"


BOMBS = {
    "laughs": laughs(12),
    "merges": merges(12),
    "circle": "&a [*a]",
    "circle-of-maps": "&a {x: {y: *a}}",
    "merge-of-itself": "&a {<<: *a}",
    "nested": "[" * 500 + "]" * 500,
    "open": "[" * 500,
    "nested-maps": "{a: " * 500,
    "digits": "9" * 500_000,
    "base-60": ":".join(["59"] * 200_000),
    "underscores": "1" + "_" * 500_000,
    "exponent": "1e" + "9" * 100_000,
    "spaces": " " * 500_000 + "x",
    "large": "x" * 2**21,
}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("key", ["sla", "groups"])
def test_a_bomb_in_the_configuration_is_one_line(tmp_path: Path, bomb: str, key: str) -> None:
    file = tmp_path / "aircall.yml"
    file.write_text(f"{key}: {BOMBS[bomb]}\n")
    with pytest.raises(ConfigError) as wrong:
        load(str(file), KNOWN)
    assert len(str(wrong.value)) < 400
    assert "\n" not in str(wrong.value)


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("key", ["basic_auth_users"])
def test_a_bomb_in_the_web_configuration_is_one_line(tmp_path: Path, bomb: str, key: str) -> None:
    file = tmp_path / "web.yml"
    file.write_text(f"{key}: {BOMBS[bomb]}\n")
    with pytest.raises(ConfigError) as wrong:
        load_web_config(str(file))
    assert len(str(wrong.value)) < 400
    assert "\n" not in str(wrong.value)


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
