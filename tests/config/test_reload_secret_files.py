"""Test reloads while a file with a secret is being written."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.config.reload import ConfigFile
from exporter.config.settings import SIMULATED_CREDENTIAL, Settings
from exporter.config.yaml_file import ConfigError


def nested(path: str, value: object) -> dict[str, Any]:
    """Return the content of a file with one key."""
    name, _, rest = path.partition(".")
    return {name: nested(rest, value) if rest else value}


BEFORE, AFTER = "0123456789abcdef", "fedcba9876543210"

BEFORE, AFTER = "0123456789abcdef", "fedcba9876543210"

SECRET_FILES = {
    "aircall.api_token_file": (BEFORE, AFTER),
    "webhook.token_file": (BEFORE, AFTER),
    "AIRCALL_API_ID_FILE": (BEFORE, AFTER),
    "AIRCALL_API_TOKEN_FILE": (BEFORE, AFTER),
    "AIRCALL_WEBHOOK_TOKEN_FILE": (BEFORE, AFTER),
    "AIRCALL_STORAGE_URL_FILE": (f"sqlite:////tmp/{BEFORE}", f"sqlite:////tmp/{AFTER}"),
}
"""For each key and variable that names a file with a secret, the secret before and after a change."""


def with_secret_file(name: str, secret: Path) -> ConfigFile:
    """Read a configuration in which `name` names the file of a secret."""
    path = secret.parent / "aircall.yml"
    written = name.partition(".")[0] in Settings.__struct_fields__
    path.write_text(yaml.safe_dump(nested(name, str(secret))) if written else "sla: 10s\n")
    environ = {key: value for key, value in SIMULATED_CREDENTIAL.items() if not name.startswith(key)}
    if name == "aircall.api_token_file":
        del environ["AIRCALL_API_TOKEN"]
    return ConfigFile(str(path), environ if written else environ | {name: str(secret)})


@pytest.mark.parametrize("name", SECRET_FILES)
def test_reload_of_a_secret_file_that_is_cut_off_at_any_byte_is_rejected(name: str, tmp_path: Path) -> None:
    secret, (before, after) = tmp_path / "secret", SECRET_FILES[name]
    secret.write_text(f"{before}\n")
    file = with_secret_file(name, secret)
    settings = file.settings
    for whole in (before, after):
        for length in range(len(whole) + 1):
            secret.write_text(whole[:length])
            with pytest.raises(ConfigError) as rejected:
                file.reread()
            assert str(rejected.value).startswith(f"{'environment: ' if name.isupper() else secret.parent}")
            assert f"{name}: found {secret}, which " in str(rejected.value)
            assert ", expected " in str(rejected.value)
            assert whole[:4] not in str(rejected.value).partition("expected")[0].replace(str(secret), "")
            assert file.settings == settings
    secret.write_text(f"{after}\n")
    assert file.reread() != settings


@pytest.mark.parametrize("name", SECRET_FILES)
def test_reload_of_a_secret_file_without_line_breaks_accepts_new_secrets_only(
    name: str, tmp_path: Path
) -> None:
    secret, (before, after) = tmp_path / "secret", SECRET_FILES[name]
    secret.write_text(before)  # as Kubernetes mounts it
    file = with_secret_file(name, secret)
    secret.write_text(before[:-1])
    with pytest.raises(ConfigError, match=f"{name}: found {secret}, which holds only the beginning"):
        file.reread()
    settings = file.settings
    secret.write_text(after)
    assert file.reread() != settings


def test_reload_of_two_tokens_that_are_cut_off_within_a_line_is_rejected(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"{BEFORE}\n")
    file = with_secret_file("webhook.token_file", secret)
    whole = f"{AFTER}\n{BEFORE}\n"
    for length in (length for length in range(len(whole)) if not whole[:length].endswith("\n")):
        secret.write_text(whole[:length])
        with pytest.raises(ConfigError):
            file.reread()
    secret.write_text(whole)
    assert file.reread().webhook.tokens == (AFTER, BEFORE)


@pytest.mark.parametrize("name", [name for name in SECRET_FILES if "token" in name.lower()])
def test_start_with_a_short_token_in_a_file_is_rejected(name: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("0123456\n")
    with pytest.raises(ConfigError) as rejected:
        with_secret_file(name, secret)
    expected = f"{name}: found {secret}, which holds a token of 7 characters, expected at least 8;"
    assert f"{expected} write the whole token to the file" in str(rejected.value)
