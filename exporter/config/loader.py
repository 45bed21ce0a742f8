"""Load the configuration: the file, then values from the environment and from files that these name."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from exporter.config import yaml_file
from exporter.config.database_url import url_problem
from exporter.config.environment import from_environment, key_problem, secret_in
from exporter.config.safe_values import shown_file
from exporter.config.settings import Aircall, GrafanaLive, Settings, Storage, Webhook
from exporter.config.validation import validate, validate_figures, validate_grafana_live
from exporter.config.yaml_file import ConfigError, Messages, Origin
from exporter.credentials import QUOTES
from exporter.text import ends_with_line_break

_TEXTS = Messages(
    expected={
        "aircall.requests_per_minute": "auto or a number",
        "caller": "full, masked or hidden",
        "webhook.token": "a token, or a list of two",
    },
    secret=frozenset(
        {
            "aircall.api_id",
            "aircall.api_token",
            "aircall.api_token_file",
            "grafana_live.token_file",
            "storage.url",
            "webhook.token",
            "webhook.token_file",
        }
    ),
)


def load(path: str | None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the file at `path` (`None`: defaults only), then the credential and addresses from `environ`.

    Raises ConfigError, whose text is one line with the file, the key, and the values found and expected.
    """
    return load_with_file(path, environ).settings


class Written(NamedTuple):
    """The content of the configuration file itself."""

    settings: Settings
    """Without values from the environment and from other files."""
    keys: frozenset[str]
    """The full keys, such as `storage.url`, and their sections."""
    ends_with_line_break: bool
    """Whether the last line is certainly complete."""


Origins = dict[str, Origin]
"""By key: the origin of values that do not come from their own key in the configuration file."""


class Loaded(NamedTuple):
    """The settings, and where they come from."""

    settings: Settings
    written: Written
    origins: Origins


def load_with_file(path: str | None, environ: Mapping[str, str] = os.environ) -> Loaded:
    """Read as `load` does, and return the settings with their origins."""
    source = path or "configuration"
    written = _written_file(path)
    settings = written.settings
    storage, storage_origins = _with_address(settings.storage, source, environ)
    aircall, aircall_origins = _with_credential(settings.aircall, source, environ)
    webhook, webhook_origins = _with_tokens(settings.webhook, source, environ)
    live, live_origins = _with_grafana(settings.grafana_live, environ)
    origins = storage_origins | aircall_origins | webhook_origins | live_origins
    settings = msgspec.structs.replace(
        settings, storage=storage, aircall=aircall, webhook=webhook, grafana_live=live
    )
    validate(settings, source, origins)
    return Loaded(settings, written, origins)


def has_credential(path: str) -> bool:
    """Return whether the file itself contains a credential. Raises ConfigError."""
    aircall = _written(path).aircall
    return bool(aircall.api_id or aircall.api_token or aircall.api_token_file)


def load_storage(path: str | None, environ: Mapping[str, str] = os.environ) -> Storage:
    """Load the archive's settings only, which needs no credential. Raises ConfigError."""
    return _with_address(_written(path).storage, path or "configuration", environ)[0]


def load_grafana_live(path: str | None, environ: Mapping[str, str] = os.environ) -> GrafanaLive:
    """Load the settings of Grafana Live only, which need no credential. Raises ConfigError."""
    live, origins = _with_grafana(_written(path).grafana_live, environ)
    validate_grafana_live(live, path or "configuration", origins)
    return live


def load_figures(path: str | None) -> Settings:
    """Load the settings that figures of archived calls depend on, which need no credential.

    The sections `aircall`, `storage`, `webhook` and `grafana_live` are as the file has them, unchecked.
    Raises ConfigError.
    """
    settings = _written(path)
    validate_figures(settings, path or "configuration")
    return settings


def _written(path: str | None) -> Settings:
    return _written_file(path).settings


def _written_file(path: str | None) -> Written:
    text = yaml_file.read_text(path) if path else ""
    content = yaml_file.parse(text, path or "configuration")
    settings = yaml_file.convert_all(content, Settings, path or "configuration", _TEXTS)
    return Written(settings, frozenset(_keys(content)), ends_with_line_break(text))


def _keys(content: object, prefix: str = "") -> Iterator[str]:
    if isinstance(content, dict):
        for key, value in content.items():
            yield f"{prefix}{key}"
            yield from _keys(value, f"{prefix}{key}.")


def _with_address(storage: Storage, source: str, environ: Mapping[str, str]) -> tuple[Storage, Origins]:
    url, outside = from_environment("AIRCALL_STORAGE_URL", environ, "the address of a database")
    if outside is None:
        url = storage.url
    origin = outside or Origin(source, "storage.url")
    quoted = "has quotes around it" if url and (url[0] in QUOTES or url[-1] in QUOTES) else ""
    if url and (problem := quoted or url_problem(url)):
        raise origin.error(problem)
    if storage.standby and not url.startswith("postgresql"):
        expected = "expected a storage.url on PostgreSQL, which elects the exporter that polls"
        raise ConfigError(source, "storage.standby", f"found true, {expected}")
    key_file = storage.key_file
    if key_file and (problem := key_problem(Path(key_file))):
        raise ConfigError(source, "storage.key_file", f"{shown_file(key_file)} {problem}")
    return msgspec.structs.replace(storage, url=url), {"storage.url": outside} if outside else {}


def _with_credential(aircall: Aircall, source: str, environ: Mapping[str, str]) -> tuple[Aircall, Origins]:
    if aircall.api_token and aircall.api_token_file:
        raise ConfigError(
            source, "aircall.api_token_file", "is set in addition to api_token, expected only one"
        )
    values: dict[str, str] = {}
    origins: Origins = {}
    if file := aircall.api_token_file:
        secret = secret_in(file, source, "aircall.api_token_file")
        values["api_token"], origins["aircall.api_token"] = secret
    for key in ("api_id", "api_token"):
        value, origin = from_environment(f"AIRCALL_{key.upper()}", environ, "the key as Aircall shows it")
        if origin is not None:
            values[key], origins[f"aircall.{key}"] = value, origin
    if address := environ.get("AIRCALL_BASE_URL"):
        values["base_url"], origins["aircall.base_url"] = address, Origin("environment", "AIRCALL_BASE_URL")
    values["base_url"] = values.get("base_url", aircall.base_url).rstrip("/")
    return msgspec.structs.replace(aircall, **values), origins


def _with_tokens(webhook: Webhook, source: str, environ: Mapping[str, str]) -> tuple[Webhook, Origins]:
    if webhook.token and webhook.token_file:
        raise ConfigError(source, "webhook.token_file", "is set in addition to token, expected only one")
    tokens, origin = from_environment("AIRCALL_WEBHOOK_TOKEN", environ, "the token as Aircall gave it")
    if (file := webhook.token_file) and origin is None:
        tokens, origin = secret_in(file, source, "webhook.token_file")
    if origin is None:
        return webhook, {}
    return msgspec.structs.replace(webhook, token=tuple(tokens.split())), {"webhook.token": origin}


def _with_grafana(live: GrafanaLive, environ: Mapping[str, str]) -> tuple[GrafanaLive, Origins]:
    values: dict[str, str] = {}
    origins: Origins = {}
    for key in ("url", "token_file"):
        variable = f"AIRCALL_GRAFANA_LIVE_{key.upper()}"
        if value := environ.get(variable):
            values[key], origins[f"grafana_live.{key}"] = value, Origin("environment", variable)
    values["url"] = values.get("url", live.url).rstrip("/")
    return msgspec.structs.replace(live, **values), origins
