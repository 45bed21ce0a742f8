"""Test that no error shows a token that was set in the wrong place."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import yaml

from exporter.cli import flags, main
from exporter.cli.exit_codes import ExitCode
from exporter.config.loader import load
from exporter.config.safe_values import may_be_secret, shown_file, shown_value
from exporter.config.settings import Settings
from exporter.config.yaml_file import ConfigError
from exporter.web.config import WebConfig, load_web_config
from exporter.web.listeners import AddressError, bind
from tests.support.config_files import CREDENTIAL

TOKENS = (
    "d41d8cd98f00b204e9800998ecf8427e",
    "glsa_Xy12abCD34efGH56ijKL78mn_0a1b2c3d",
    "q1W2/e3R4+t5Y6u7I8o9P0==",
)


def keys(kind: type[msgspec.Struct], prefix: str = "") -> Iterator[str]:
    """Yield the paths of all keys, those of sections included."""
    for name, annotation in kind.__annotations__.items():
        yield f"{prefix}{name}"
        for inner in (annotation, *get_args(annotation)):
            if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
                yield from keys(inner, f"{prefix}{name}.")


def nested(path: str, value: object) -> Any:
    for step in reversed(path.split(".")):
        value = {step: value}
    return value


@pytest.mark.parametrize("token", TOKENS)
def test_no_key_of_the_configuration_shows_a_token_in_its_place(token: str, tmp_path: Path) -> None:
    file, rejected = tmp_path / "aircall.yml", set()
    for path in keys(Settings):
        for value in (token, [token]):
            file.write_text(yaml.safe_dump(nested(path, value)))
            try:
                load(str(file), CREDENTIAL)
            except ConfigError as error:
                rejected.add(path)
                assert token not in str(error), path
    assert {"sla", "storage.key_file", "webhook.listen_address", "aircall.base_url"} <= rejected


@pytest.mark.parametrize("token", TOKENS)
def test_no_key_of_the_web_configuration_shows_a_token_in_its_place(token: str, tmp_path: Path) -> None:
    file, rejected = tmp_path / "web.yml", set()
    files = {"cert_file": token, "key_file": token}
    for path in (*keys(WebConfig), "http_server_config.headers.X-Frame-Options"):
        section, _, key = path.partition(".")
        value = files | {key: token} if section == "tls_server_config" else nested(path, token)[section]
        file.write_text(yaml.safe_dump({section: value}))
        try:
            load_web_config(str(file))
        except ConfigError as error:
            rejected.add(path)
            assert token not in str(error), path
    assert {"tls_server_config.cert_file", "http_server_config.http2"} <= rejected


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("variable", ["AIRCALL_BASE_URL", "AIRCALL_GRAFANA_LIVE_URL", "AIRCALL_STORAGE_URL"])
def test_no_variable_shows_a_token_in_its_place(variable: str, token: str) -> None:
    with pytest.raises(ConfigError) as rejected:
        load(None, CREDENTIAL | {variable: token})
    assert token not in str(rejected.value)


@pytest.mark.parametrize("token", TOKENS)
def test_no_address_flag_shows_a_token_in_its_place(token: str, capsys: pytest.CaptureFixture[str]) -> None:
    for flag in ("--web.external-url", "--web.telemetry-path"):
        with pytest.raises(SystemExit, match=str(int(ExitCode.USAGE))):
            main.parser().parse_args([f"{flag}={token}"], argparse.Namespace(**flags.DEFAULTS))
    assert token not in capsys.readouterr().err
    with pytest.raises(AddressError) as rejected:
        bind(token)
    assert token not in str(rejected.value)


@pytest.mark.parametrize(
    "text",
    [
        "out_of_opening_hours",
        "https://api.aircall.io/v1",
        "20 seconds or more 5",
        "0.0.0.0:9979",
        "12345678901234567",
    ],
)
def test_usual_values_are_shown(text: str) -> None:
    assert not may_be_secret(text)
    assert shown_value(text) == f'"{text}"'


def test_files_in_a_directory_are_shown(tmp_path: Path) -> None:
    assert shown_file(f"{tmp_path}/token-2026.txt") == f"found {tmp_path}/token-2026.txt, which"
    for hidden in (f"{tmp_path}/{TOKENS[0]}", TOKENS[2], f"/{TOKENS[0]}", "postgresql+psycopg://u:pw@h/d"):
        assert shown_file(hidden) == "names a file that"
