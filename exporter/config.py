"""The configuration file: its keys, their defaults, and what is said when one of them is wrong.

The reference for users is docs/configuration.md, which a test holds against the classes below.
"""

import base64
import math
import os
import re
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, urlsplit

import msgspec

from exporter import yamlfile
from exporter.archive.database import url_problem
from exporter.archive.keyfile import key_problem
from exporter.durations import Duration
from exporter.yamlfile import ConfigError, Texts

API_HISTORY = Duration(182 * 86400)
"""How far back Aircall's call history reaches, in seconds (API reference: six months)."""

Caller = Literal["full", "masked", "hidden"]

SIMULATED_CREDENTIAL = {"AIRCALL_API_ID": "simulated", "AIRCALL_API_TOKEN": "simulated"}
"""Stands in where a configuration is used without asking Aircall."""

_TEXTS = Texts(
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
    """Whom to ask, as whom, and how often."""

    api_id: str = ""
    api_token: str = ""
    api_token_file: str = ""
    base_url: str = "https://api.aircall.io"
    requests_per_minute: Literal["auto"] | float = "auto"
    budget_share: float = 0.8

    @property
    def configured_limit(self) -> float | None:
        """Requests a minute that the company is said to have; none where that is left to the API."""
        return None if self.requests_per_minute == "auto" else self.requests_per_minute

    def __repr__(self) -> str:
        return f"Aircall(base_url={self.base_url!r}, credential hidden)"


class QueueWait(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From when on a waiting caller turns yellow, and red."""

    warning: Duration = Duration(10)
    critical: Duration = Duration(20)


class Refresh(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often each dataset is to be read."""

    calls: Duration = Duration(10)
    availabilities: Duration = Duration(10)
    users: Duration = Duration(4 * 3600)
    teams: Duration = Duration(8 * 3600)
    numbers: Duration = Duration(8 * 3600)
    assignments: Duration = Duration(8 * 3600)
    substatuses: Duration = Duration(60)


class Storage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where calls and counters are kept, how far back they reach at first, and how long (0 is for ever)."""

    url: str = ""
    """May hold a password."""
    key_file: str = ""
    standby: bool = False
    backfill: Duration = Duration(86400)
    retention: Duration = Duration(180 * 86400)

    def __repr__(self) -> str:
        kept = f"backfill={self.backfill!r}, retention={self.retention!r}"
        return f"Storage(key_file={self.key_file!r}, standby={self.standby}, {kept}, url hidden)"


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A group of people that Aircall does not know, by names or ids: all of these together."""

    name: str
    users: tuple[str | int, ...] = ()
    teams: tuple[str | int, ...] = ()
    numbers: tuple[str | int, ...] = ()


class Thresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is marked on the board when it is exceeded, the service level when it is not reached; 0 is off."""

    average_call: Duration = Duration(0)
    in_call: Duration = Duration(0)
    after_call_work: Duration = Duration(0)
    do_not_disturb: Duration = Duration(0)
    missed_share: float = 0.0
    service_level: float = 0.8


class Webhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who may push events, where to, and how often is read what they tell while they come."""

    token: str | tuple[str, ...] = ""
    """Two of them while one takes the other's place."""
    token_file: str = ""
    listen_address: str = ""
    refresh: Duration = Duration(60)

    @property
    def tokens(self) -> tuple[str, ...]:
        """The tokens that let somebody in; where there are none, nobody."""
        tokens = (self.token,) if isinstance(self.token, str) else self.token
        return tuple(filter(None, tokens))

    def __repr__(self) -> str:
        return f"Webhook(listen_address={self.listen_address!r}, refresh={self.refresh!r}, tokens hidden)"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. Durations are seconds."""

    aircall: Aircall = Aircall()
    activity_period: Duration = Duration(15 * 60)
    sla: Duration = Duration(0)
    queue_wait: QueueWait = QueueWait()
    refresh: Refresh = Refresh()
    teams: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()
    thresholds: Thresholds = Thresholds()
    storage: Storage = Storage()
    webhook: Webhook = Webhook()
    map_users_to_numbers: bool = True
    user_limit: int = 10_000
    caller: Caller = "full"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What appears in no log: tokens, also as a header carries them, and the archive's address."""
        credential = f"{self.aircall.api_id}:{self.aircall.api_token}"
        header = base64.b64encode(credential.encode()).decode()
        return (self.aircall.api_token, header, self.storage.url, *self.webhook.tokens)


def load(path: str | None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the file at `path` (none: defaults only), then the credential and address from `environ`.

    Raises ConfigError, whose text is one line naming file, key, what was found and what is wanted.
    """
    source = path or "configuration"
    settings = yamlfile.convert(yamlfile.read(path) if path else {}, Settings, source, _TEXTS)
    storage = load_storage(path, environ)
    settings = _with_environment(msgspec.structs.replace(settings, storage=storage), source, environ)
    _check(settings, source, bool(environ.get("AIRCALL_BASE_URL")))
    return settings


def load_storage(path: str | None, environ: Mapping[str, str] = os.environ) -> Storage:
    """Where the archive is, for what needs no credential. Raises ConfigError."""
    source = path or "configuration"
    settings = yamlfile.convert(yamlfile.read(path) if path else {}, Settings, source, _TEXTS)
    url = _from_environment("AIRCALL_STORAGE_URL", environ) or settings.storage.url
    if url and (problem := url_problem(url)):
        where = (
            ("environment", "AIRCALL_STORAGE_URL") if url != settings.storage.url else (source, "storage.url")
        )
        raise ConfigError(*where, problem)
    if settings.storage.standby and not url.startswith("postgresql"):
        wanted = "wanted a storage.url on PostgreSQL, which says who polls"
        raise ConfigError(source, "storage.standby", f"found true, {wanted}")
    key_file = settings.storage.key_file
    if key_file and (problem := key_problem(Path(key_file))):
        raise ConfigError(source, "storage.key_file", f"found {key_file}, which {problem}")
    return msgspec.structs.replace(settings.storage, url=url)


def _with_environment(settings: Settings, source: str, environ: Mapping[str, str]) -> Settings:
    aircall = settings.aircall
    if aircall.api_token and aircall.api_token_file:
        raise ConfigError(source, "aircall.api_token_file", "is set beside api_token, wanted only one")
    token = aircall.api_token
    if aircall.api_token_file:
        token = _secret(aircall.api_token_file, source, "aircall.api_token_file")
    aircall = msgspec.structs.replace(
        aircall,
        api_id=_from_environment("AIRCALL_API_ID", environ) or aircall.api_id,
        api_token=_from_environment("AIRCALL_API_TOKEN", environ) or token,
        base_url=(environ.get("AIRCALL_BASE_URL") or aircall.base_url).rstrip("/"),
    )
    webhook = _with_tokens(settings.webhook, source, environ)
    return msgspec.structs.replace(settings, aircall=aircall, webhook=webhook)


def _with_tokens(webhook: Webhook, source: str, environ: Mapping[str, str]) -> Webhook:
    if webhook.token and webhook.token_file:
        raise ConfigError(source, "webhook.token_file", "is set beside token, wanted only one")
    given = _from_environment("AIRCALL_WEBHOOK_TOKEN", environ)
    if webhook.token_file and not given:
        given = _secret(webhook.token_file, source, "webhook.token_file")
    return msgspec.structs.replace(webhook, token=tuple(given.split())) if given else webhook


def _from_environment(name: str, environ: Mapping[str, str]) -> str:
    value, file = environ.get(name, ""), environ.get(f"{name}_FILE", "")
    if value and file:
        raise ConfigError("environment", f"{name}_FILE", f"is set beside {name}, wanted only one")
    return _secret(file, "environment", f"{name}_FILE") if file else value


def _secret(file: str, source: str, path: str) -> str:
    try:
        secret = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        shown = f"found {file}, which" if "/" in file else "names a file that"  # else a token, perhaps
        raise ConfigError(source, path, f"{shown} cannot be read: {reason}") from None
    if not secret:
        raise ConfigError(source, path, f"found {file}, which is empty, wanted the secret in it")
    return secret


def _check(settings: Settings, source: str, address_given: bool) -> None:
    aircall, wait = settings.aircall, settings.queue_wait

    def require(holds: bool, path: str, problem: str) -> None:
        if not holds:
            raise ConfigError(source, path, problem)

    def wanted(holds: bool, path: str, found: object, what: str) -> None:
        require(holds, path, f"found {yamlfile.short(found)}, wanted {what}")

    for key in ("api_id", "api_token"):
        secret, variable = getattr(aircall, key), f"AIRCALL_{key.upper()}"
        missing = f"missing; set it here, or in the environment as {variable} or {variable}_FILE"
        require(bool(secret), f"aircall.{key}", missing)
        odd = "holds a space, a line break or a sign outside ASCII, wanted the key as Aircall shows it"
        require(re.fullmatch(r"[!-~]+", secret) is not None, f"aircall.{key}", odd)
    require(":" not in aircall.api_id, "aircall.api_id", "holds a colon, wanted the API ID without the token")
    problem = _address_problem(aircall.base_url)
    if problem:
        where = ("environment", "AIRCALL_BASE_URL") if address_given else (source, "aircall.base_url")
        shown = "an address" if "@" in aircall.base_url else yamlfile.short(aircall.base_url)
        raise ConfigError(*where, f"found {shown}, wanted {problem}")
    share, rate = aircall.budget_share, aircall.requests_per_minute
    wanted(0 < share <= 1, "aircall.budget_share", share, "a share above 0 and up to 1")
    if rate != "auto":
        enough = math.isfinite(rate) and rate * share >= 2
        wanted(enough, "aircall.requests_per_minute", rate, "auto, or enough to leave us 2 a minute")
    period = settings.activity_period
    wanted(0 < period <= API_HISTORY, "activity_period", period, "more than 0s and at most 182d")
    at_most = f"at most queue_wait.critical ({wait.critical})"
    wanted(wait.warning <= wait.critical, "queue_wait.warning", wait.warning, at_most)
    wanted(settings.user_limit >= 1, "user_limit", settings.user_limit, "1 or more")
    share = settings.thresholds.missed_share
    wanted(0 <= share < 1, "thresholds.missed_share", share, "a share from 0 (off) to below 1")
    share = settings.thresholds.service_level
    wanted(0 <= share <= 1, "thresholds.service_level", share, "a share from 0 (off) to 1")
    kept = settings.storage.retention
    wanted(not 0 < kept < 86400, "storage.retention", kept, "at least 1d, or 0s for ever")
    backfill, reach = settings.storage.backfill, Duration(min(kept or API_HISTORY, API_HISTORY))
    wanted(backfill <= reach, "storage.backfill", backfill, f"at most {reach}, as far as calls are kept")
    names: set[str] = set()
    for position, group in enumerate(settings.groups):
        path = f"groups[{position}]"
        wanted(
            bool(group.name.strip()) and group.name not in names,
            f"{path}.name",
            group.name,
            "a name of its own",
        )
        require(
            bool(group.users or group.teams or group.numbers),
            path,
            "is empty, wanted users, teams or numbers",
        )
        names.add(group.name)
    webhook = settings.webhook
    require(
        len(webhook.tokens) <= 2,
        "webhook.token",
        "are more than two tokens, wanted the new one and the old one",
    )
    whole = all(re.fullmatch(r"[!-~]+", token) for token in webhook.tokens)
    odd = "holds a space, a line break or a sign outside ASCII, wanted the token as Aircall gave it"
    require(whole, "webhook.token", odd)
    wanted(webhook.refresh >= 1, "webhook.refresh", webhook.refresh, "at least 1s")
    for dataset in Refresh.__struct_fields__:
        interval = getattr(settings.refresh, dataset)
        wanted(interval >= 1, f"refresh.{dataset}", interval, "at least 1s")


def _address_problem(address: str) -> str:
    """Say what is wanted of the API's address, or nothing where it is fine."""
    parts = web_address(address)
    if parts is None:
        return "an address such as https://api.aircall.io"
    if parts.username is not None or parts.password is not None:
        return "an address without a user or password in it"
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        return "https (plain http only to a loopback address)"
    return ""


def web_address(text: str) -> SplitResult | None:
    """The parts of an http or https address with a host, and without query and fragment; else none."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port  # a port that is none raises
    except ValueError:
        return None
    whole = parts.scheme in ("https", "http") and host and not (parts.query or parts.fragment)
    return parts if whole else None


def is_loopback(host: str) -> bool:
    """Whether `host` (a name or an address) can only be this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
