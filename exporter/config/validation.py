"""Validate a configuration beyond its types: ranges of values, and combinations of keys."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import SplitResult
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from exporter.addresses import LISTEN_ADDRESS, is_host, is_loopback, listen_address, web_address
from exporter.aircall.call_times import API_HISTORY_S
from exporter.aircall.substatus import ALWAYS_OPEN, normalised
from exporter.config.safe_values import shown_value
from exporter.config.yaml_file import ConfigError, Origin, raise_all
from exporter.credentials import MIN_TOKEN_LENGTH, QUOTES, secret_problem
from exporter.durations import Duration
from exporter.text import storable, truncate

if TYPE_CHECKING:
    from exporter.config.settings import (
        GrafanaLive,
        Override,
        ServiceLevel,
        ServiceLevelOverride,
        Settings,
        Thresholds,
    )

MAX_NAME = 200
"""Maximum number of characters of a group's name, which is a label and part of an index."""

_AT_MOST_HISTORY = "more than 0s and at most 182d"
AIRCALL, GRAFANA = "https://api.aircall.io", "https://grafana.example.com"
"""Valid addresses, for errors about others."""


def validate(settings: "Settings", source: str, origins: Mapping[str, Origin]) -> None:
    """Raise ConfigError for the first invalid value, with the errors of the others.

    Args:
        settings: The settings to check.
        source: The configuration file.
        origins: By key: the origin of values that do not come from their own key in this file.
    """
    check = _Validator(settings, source, origins)
    check.credential()
    check.address()
    check.budget()
    check.periods()
    check.figures()
    check.groups()
    check.webhook()
    try:
        validate_grafana_live(settings.grafana_live, source, origins)
    except ConfigError as error:
        check.errors.append(error)
    for dataset in settings.refresh.__struct_fields__:
        interval = getattr(settings.refresh, dataset)
        check.expect(interval >= 1, f"refresh.{dataset}", interval, "at least 1s")
    raise_all(check.errors)


def validate_figures(settings: "Settings", source: str) -> None:
    """Raise ConfigError as `validate` does, for the values that the figures of calls depend on."""
    check = _Validator(settings, source, {})
    check.figures()
    raise_all(check.errors)


def validate_grafana_live(live: "GrafanaLive", source: str, origins: Mapping[str, Origin]) -> None:
    """Raise ConfigError if an address or the file with the token is missing, or a value is invalid.

    Whether the file exists is not checked, as it may be created later.
    """

    def error(key: str, problem: str) -> Exception:
        return origins.get(f"grafana_live.{key}", Origin(source, f"grafana_live.{key}")).error(problem)

    if live.token_file.strip() and not live.url:
        raise error("url", f"missing, expected the address of Grafana, such as {GRAFANA}")
    if live.url and (problem := _web_problem(live.url, web_address(live.url), GRAFANA)):
        shown = "an address" if _may_have_secret(live.url) else shown_value(live.url)
        raise error("url", f"found {shown}, expected {problem}")
    if not re.fullmatch("[A-Za-z0-9_-]+", live.stream):
        expected = "letters, digits, - and _, such as aircall-france"
        raise error("stream", f"found {shown_value(live.stream)}, expected {expected}")
    if live.url and not live.token_file.strip():
        raise error("token_file", "missing, expected a file with the token of a service account of Grafana")


def _may_have_secret(address: str) -> bool:
    """Return whether an invalid address may have a secret: user information, a query or a fragment."""
    return any(sign in address for sign in "@?#")


class _Validator:
    def __init__(self, settings: "Settings", source: str, origins: Mapping[str, Origin]) -> None:
        self._settings, self._source, self._origins = settings, source, origins
        self.errors: list[ConfigError] = []

    def require(self, holds: bool, path: str, problem: str) -> None:
        if not holds:
            self.errors.append(self._origins.get(path, Origin(self._source, path)).error(problem))

    def expect(self, holds: bool, path: str, found: object, expected: str) -> None:
        self.require(holds, path, f"found {shown_value(found)}, expected {expected}")

    def credential(self) -> None:
        for key in ("api_id", "api_token"):
            secret, variable = getattr(self._settings.aircall, key), f"AIRCALL_{key.upper()}"
            missing = f"missing; set it here, or in the environment as {variable} or {variable}_FILE"
            self.require(bool(secret), f"aircall.{key}", missing)
            problem = secret_problem(secret)
            self.require(not problem, f"aircall.{key}", f"{problem}, expected the key as Aircall shows it")
        self.token_length("aircall.api_token", self._settings.aircall.api_token)
        problem = "holds a colon, expected the API ID without the token"
        self.require(":" not in self._settings.aircall.api_id, "aircall.api_id", problem)

    def address(self) -> None:
        address = self._settings.aircall.base_url
        problem = _address_problem(address)
        shown = "an address" if _may_have_secret(address) else shown_value(address)
        self.require(not problem, "aircall.base_url", f"found {shown}, expected {problem}")

    def budget(self) -> None:
        share, rate = self._settings.aircall.budget_share, self._settings.aircall.requests_per_minute
        self.expect(0 < share <= 1, "aircall.budget_share", share, "a share above 0 and up to 1")
        if rate != "auto":
            enough = math.isfinite(rate) and rate * share >= 2
            what = "auto, or enough to leave us 2 a minute"
            self.expect(enough, "aircall.requests_per_minute", rate, what)
        limit = self._settings.user_limit
        self.expect(limit >= 1, "user_limit", limit, "1 or more")

    def periods(self) -> None:
        period, storage = self._settings.activity_period, self._settings.storage
        self.expect(0 < period <= API_HISTORY_S, "activity_period", period, _AT_MOST_HISTORY)
        retention = storage.retention
        expected = "at least 1d, or 0s to keep calls indefinitely"
        self.expect(not 0 < retention < 86400, "storage.retention", retention, expected)
        longest = Duration(min(retention or API_HISTORY_S, API_HISTORY_S))
        expected = f"at most {longest}, the shorter of storage.retention and Aircall's history"
        self.expect(storage.backfill <= longest, "storage.backfill", storage.backfill, expected)

    def figures(self) -> None:
        self.thresholds()
        self.today()
        self.overrides()
        self.call_backs()

    def call_backs(self) -> None:
        rules = self._settings.call_backs
        self.expect(0 < rules.expire <= API_HISTORY_S, "call_backs.expire", rules.expire, _AT_MOST_HISTORY)
        at_most = f"less than call_backs.expire ({rules.expire})"
        self.expect(rules.after < rules.expire, "call_backs.after", rules.after, at_most)

    def thresholds(self) -> None:
        settings = self._settings
        self.waits("", settings.queue_wait.warning, settings.queue_wait.critical)
        self.service_level("", settings.service_level)
        self.rates("thresholds.", settings.thresholds)
        self.substatuses(settings.thresholds.substatus)

    def rates(self, prefix: str, thresholds: "Thresholds | Override") -> None:
        for key in ("missed_rate", "abandoned_rate"):
            share = getattr(thresholds, key)
            if isinstance(share, float):
                self.expect(0 <= share < 1, f"{prefix}{key}", share, "a share from 0 (off) to below 1")

    def substatuses(self, keys: Iterable[str]) -> None:
        """Reject a key that is no reason for do not disturb, or is another key in another spelling."""
        found: dict[str, str] = {}
        for key in keys:
            path, substatus = f"thresholds.substatus.{key}", normalised(key)
            is_reason = substatus not in ("", ALWAYS_OPEN)
            self.require(is_reason, path, "is no reason for do not disturb, expected one such as on_a_break")
            first = found.setdefault(substatus, key)
            self.require(first == key, path, f"is {truncate(first)} in another spelling, expected only one")

    def waits(self, prefix: str, warning: Duration, critical: Duration) -> None:
        at_most = f"at most queue_wait.critical ({critical})"
        self.expect(warning <= critical, f"{prefix}queue_wait.warning", warning, at_most)

    def service_level(self, prefix: str, level: "ServiceLevel | ServiceLevelOverride") -> None:
        path, target, within = f"{prefix}service_level", level.target, level.within
        if isinstance(within, Duration):
            self.expect(within > 0, f"{path}.within", within, "more than 0s")
        if isinstance(target, float):
            self.expect(0 <= target <= 1, f"{path}.target", target, "a share from 0 (off) to 1")

    def today(self) -> None:
        today = self._settings.today
        is_time = re.fullmatch("([01][0-9]|2[0-3]):[0-5][0-9]", today.starts_at) is not None
        self.expect(is_time, "today.starts_at", today.starts_at, "a time from 00:00 to 23:59, in quotes")
        valid = not today.time_zone or is_time_zone(today.time_zone)
        self.expect(
            valid, "today.time_zone", today.time_zone, "the name of a time zone, such as Europe/Paris"
        )

    def overrides(self) -> None:
        general, overrides = self._settings.queue_wait, self._settings.overrides
        for kind, by_name in (("numbers", overrides.numbers), ("teams", overrides.teams)):
            for name, override in by_name.items():
                prefix, wait = f"overrides.{kind}.{name}.", override.queue_wait
                warning = wait.warning if isinstance(wait.warning, Duration) else general.warning
                critical = wait.critical if isinstance(wait.critical, Duration) else general.critical
                self.waits(prefix, warning, critical)
                self.service_level(prefix, override.service_level)
                self.rates(prefix, override)

    def groups(self) -> None:
        names: set[str] = set()
        for position, group in enumerate(self._settings.groups):
            path = f"groups[{position}]"
            unique = bool(group.name.strip()) and group.name not in names
            self.expect(unique, f"{path}.name", group.name, "a unique name")
            is_text = len(group.name) <= MAX_NAME and storable(group.name) == group.name
            self.expect(is_text, f"{path}.name", group.name, f"up to {MAX_NAME} Unicode characters, not NUL")
            has_members = bool(group.users or group.teams or group.numbers)
            self.require(has_members, path, "is empty, expected users, teams or numbers")
            names.add(group.name)

    def webhook(self) -> None:
        webhook = self._settings.webhook
        problem = "are more than two tokens, expected the new one and the old one"
        self.require(len(webhook.tokens) <= 2, "webhook.token", problem)
        problem = next(filter(None, map(secret_problem, webhook.tokens)), "")
        self.require(not problem, "webhook.token", f"{problem}, expected the token as Aircall gave it")
        for token in webhook.tokens:
            self.token_length("webhook.token", token)
        address = webhook.listen_address
        is_valid = not address or listen_address(address) is not None
        self.expect(is_valid, "webhook.listen_address", address, LISTEN_ADDRESS)
        self.expect(webhook.refresh >= 1, "webhook.refresh", webhook.refresh, "at least 1s")

    def token_length(self, path: str, token: str) -> None:
        """Reject a token that is too short, if it comes from a file, as files may be cut off."""
        origin = self._origins.get(path)
        if origin is not None and origin.file:
            problem = f"holds a token of {len(token)} characters, expected at least {MIN_TOKEN_LENGTH}"
            remedy = "write the whole token to the file"
            self.require(len(token) >= MIN_TOKEN_LENGTH, path, f"{problem}; {remedy}")


def is_time_zone(name: str) -> bool:
    """Return whether a time zone has this name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _address_problem(address: str) -> str:
    """Return a description of a valid address of the API, or "" if the address is valid."""
    parts = web_address(address)
    problem = _web_problem(address, parts, AIRCALL)
    if problem or parts is None:
        return problem
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        return "https (plain http only to a loopback address)"
    has_version = re.search(r"/v\d+/?$", parts.path)
    return f"an address without the version, such as {AIRCALL}" if has_version else ""


def _web_problem(address: str, parts: SplitResult | None, example: str) -> str:
    """Return a description of a valid web address, or "" if the address is valid.

    Args:
        address: The address.
        parts: Its parts, or `None` if it has none.
        example: A valid address.
    """
    if address[:1] in QUOTES or address[-1:] in QUOTES:
        return f"an address without quotes, such as {example}"
    if parts is None or not address.isprintable() or " " in address:
        return f"an address such as {example}"
    if parts.username is not None or parts.password is not None:
        return "an address without a user or password in it"
    if not is_host(parts.hostname or ""):
        valid = "letters, digits and hyphens, no part empty or longer than 63 characters"
        return f"a valid host name ({valid}), such as {example.removeprefix('https://')}"
    return ""
