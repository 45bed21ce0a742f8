"""Define the configuration file's keys and defaults, and load it.

The reference for users is docs/configuration.md. A test compares it with the classes below.
"""

import base64
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from exporter import config_file
from exporter.archive.caller_key_file import key_problem
from exporter.archive.database import url_problem
from exporter.config_file import ConfigError, Messages
from exporter.config_validation import QUOTES, Origin, validate
from exporter.durations import Duration
from exporter.environment import from_environment, secret_in

Caller = Literal["full", "masked", "hidden"]
"""How callers' numbers are shown, with the least protected first."""

SIMULATED_CREDENTIAL = {"AIRCALL_API_ID": "simulated", "AIRCALL_API_TOKEN": "simulated"}
"""The credential for commands that use a configuration without requests to Aircall."""

_TEXTS = Messages(
    wanted={
        "aircall.requests_per_minute": "auto or a number",
        "caller": "full, masked or hidden",
        "webhook.token": "a token, or a list of two",
    },
    secret=frozenset(
        {
            "aircall.api_id",
            "aircall.api_token",
            "aircall.api_token_file",
            "storage.url",
            "webhook.token",
            "webhook.token_file",
        }
    ),
)


class Aircall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Address, credential and rate limit of Aircall's API."""

    api_id: str = ""
    api_token: str = ""
    api_token_file: str = ""
    base_url: str = "https://api.aircall.io"
    requests_per_minute: Literal["auto"] | float = "auto"
    budget_share: float = 0.8

    @property
    def configured_limit(self) -> float | None:
        """The configured rate limit in requests per minute; `None` if it comes from the API."""
        return None if self.requests_per_minute == "auto" else self.requests_per_minute

    def __repr__(self) -> str:
        return f"Aircall(base_url={self.base_url!r}, credential hidden)"


class QueueWait(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Wait from which a caller is shown in yellow (warning) or red (critical)."""

    warning: Duration = Duration(10)
    critical: Duration = Duration(20)


class Refresh(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The target interval between two polls of each dataset."""

    calls: Duration = Duration(10)
    availabilities: Duration = Duration(10)
    users: Duration = Duration(4 * 3600)
    teams: Duration = Duration(8 * 3600)
    numbers: Duration = Duration(8 * 3600)
    assignments: Duration = Duration(8 * 3600)
    substatuses: Duration = Duration(60)


class Storage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where calls and counters are saved, how far the first backfill reaches, and how long calls are kept.

    A retention of 0 keeps calls indefinitely.
    """

    url: str = ""
    """May contain a password."""
    key_file: str = ""
    standby: bool = False
    backfill: Duration = Duration(86400)
    retention: Duration = Duration(180 * 86400)

    def __repr__(self) -> str:
        durations = f"backfill={self.backfill!r}, retention={self.retention!r}"
        return f"Storage(key_file={self.key_file!r}, standby={self.standby}, {durations}, url hidden)"


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A group that Aircall does not have: the union of users, teams and numbers, by name or id."""

    name: str
    users: tuple[str | int, ...] = ()
    teams: tuple[str | int, ...] = ()
    numbers: tuple[str | int, ...] = ()


class Thresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Limits beyond which a value is marked on dashboards; 0 disables a limit."""

    average_call: Duration = Duration(0)
    in_call: Duration = Duration(0)
    after_call_work: Duration = Duration(0)
    do_not_disturb: Duration = Duration(0)
    missed_rate: float = 0.0


class ServiceLevel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The service level below which a team or number is marked on dashboards."""

    target: float = 0.8
    """A ratio from 0 (disabled) to 1."""


class Webhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Webhook settings: tokens, listen address, and the poll interval while events arrive."""

    token: str | tuple[str, ...] = ""
    """Two tokens are valid while one replaces the other."""
    token_file: str = ""
    listen_address: str = ""
    refresh: Duration = Duration(60)

    @property
    def tokens(self) -> tuple[str, ...]:
        """The valid tokens. Without any, no event is accepted."""
        tokens = (self.token,) if isinstance(self.token, str) else self.token
        return tuple(filter(None, tokens))

    def __repr__(self) -> str:
        return f"Webhook(listen_address={self.listen_address!r}, refresh={self.refresh!r}, tokens hidden)"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of the file. Durations are in seconds."""

    aircall: Aircall = Aircall()
    activity_period: Duration = Duration(15 * 60)
    sla: Duration = Duration(0)
    queue_wait: QueueWait = QueueWait()
    refresh: Refresh = Refresh()
    teams: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()
    thresholds: Thresholds = Thresholds()
    service_level: ServiceLevel = ServiceLevel()
    storage: Storage = Storage()
    webhook: Webhook = Webhook()
    map_users_to_numbers: bool = True
    user_limit: int = 10_000
    caller: Caller = "full"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that are redacted in logs: tokens, also as a header encodes them, and the archive's URL."""
        credential = f"{self.aircall.api_id}:{self.aircall.api_token}"
        header = base64.b64encode(credential.encode()).decode()
        return (self.aircall.api_token, header, self.storage.url, *self.webhook.tokens)


def load(path: str | None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the file at `path` (`None`: defaults only), then the credential and addresses from `environ`.

    Raises ConfigError, whose text is one line with the file, the key, and the values found and expected.
    """
    return load_with_file(path, environ)[0]


class Written(NamedTuple):
    """The content of the configuration file itself."""

    settings: Settings
    """Without values from the environment and from other files."""
    keys: frozenset[str]
    """The full keys, such as `storage.url`, and their sections."""
    ends_with_line_break: bool
    """Whether the last line is certainly complete."""


def load_with_file(path: str | None, environ: Mapping[str, str] = os.environ) -> tuple[Settings, Written]:
    """Read as `load` does, and return the settings and the content of the file itself."""
    source = path or "configuration"
    written = _written_file(path)
    settings = written.settings
    storage = _with_address(settings.storage, source, environ)
    aircall, origins = _with_credential(settings.aircall, source, environ)
    webhook, origin = _with_tokens(settings.webhook, source, environ)
    settings = msgspec.structs.replace(settings, storage=storage, aircall=aircall, webhook=webhook)
    validate(settings, source, origins | origin)
    return settings, written


def has_credential(path: str) -> bool:
    """Return whether the file itself contains a credential. Raises ConfigError."""
    aircall = _written(path).aircall
    return bool(aircall.api_id or aircall.api_token or aircall.api_token_file)


def load_storage(path: str | None, environ: Mapping[str, str] = os.environ) -> Storage:
    """Load the archive's settings only, which needs no credential. Raises ConfigError."""
    return _with_address(_written(path).storage, path or "configuration", environ)


def _written(path: str | None) -> Settings:
    return _written_file(path).settings


def _written_file(path: str | None) -> Written:
    text = config_file.read_text(path) if path else ""
    content = config_file.parse(text, path or "configuration")
    settings = config_file.convert(content, Settings, path or "configuration", _TEXTS)
    return Written(settings, frozenset(_keys(content)), text.endswith(("\n", "\r")))


def _keys(content: object, prefix: str = "") -> Iterator[str]:
    if isinstance(content, dict):
        for key, value in content.items():
            yield f"{prefix}{key}"
            yield from _keys(value, f"{prefix}{key}.")


def _with_address(storage: Storage, source: str, environ: Mapping[str, str]) -> Storage:
    url, origin = from_environment("AIRCALL_STORAGE_URL", environ, "the address of a database")
    if origin is None:
        url, origin = storage.url, Origin(source, "storage.url")
    quoted = "has quotes around it" if url and (url[0] in QUOTES or url[-1] in QUOTES) else ""
    if url and (problem := quoted or url_problem(url)):
        raise origin.error(problem)
    if storage.standby and not url.startswith("postgresql"):
        expected = "wanted a storage.url on PostgreSQL, which elects the exporter that polls"
        raise ConfigError(source, "storage.standby", f"found true, {expected}")
    key_file = storage.key_file
    if key_file and (problem := key_problem(Path(key_file))):
        raise ConfigError(source, "storage.key_file", f"found {key_file}, which {problem}")
    return msgspec.structs.replace(storage, url=url)


_Origins = dict[str, Origin]
"""By key: the origin of values that do not come from their own key in the configuration file."""


def _with_credential(aircall: Aircall, source: str, environ: Mapping[str, str]) -> tuple[Aircall, _Origins]:
    if aircall.api_token and aircall.api_token_file:
        raise ConfigError(source, "aircall.api_token_file", "is set beside api_token, wanted only one")
    values: dict[str, str] = {}
    origins: _Origins = {}
    if file := aircall.api_token_file:
        values["api_token"] = secret_in(file, source, "aircall.api_token_file")
        origins["aircall.api_token"] = Origin(source, "aircall.api_token_file", file)
    for key in ("api_id", "api_token"):
        value, origin = from_environment(f"AIRCALL_{key.upper()}", environ, "the key as Aircall shows it")
        if origin is not None:
            values[key], origins[f"aircall.{key}"] = value, origin
    if address := environ.get("AIRCALL_BASE_URL"):
        values["base_url"], origins["aircall.base_url"] = address, Origin("environment", "AIRCALL_BASE_URL")
    values["base_url"] = values.get("base_url", aircall.base_url).rstrip("/")
    return msgspec.structs.replace(aircall, **values), origins


def _with_tokens(webhook: Webhook, source: str, environ: Mapping[str, str]) -> tuple[Webhook, _Origins]:
    if webhook.token and webhook.token_file:
        raise ConfigError(source, "webhook.token_file", "is set beside token, wanted only one")
    tokens, origin = from_environment("AIRCALL_WEBHOOK_TOKEN", environ, "the token as Aircall gave it")
    if (file := webhook.token_file) and origin is None:
        tokens, origin = (
            secret_in(file, source, "webhook.token_file"),
            Origin(source, "webhook.token_file", file),
        )
    if origin is None:
        return webhook, {}
    return msgspec.structs.replace(webhook, token=tuple(tokens.split())), {"webhook.token": origin}
