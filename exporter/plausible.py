"""What a configuration must be beyond its types: possible values that go together."""

import math
import re
from typing import TYPE_CHECKING

from exporter import yamlfile
from exporter.addresses import is_loopback, web_address
from exporter.aircall.endpoints import API_HISTORY
from exporter.durations import Duration
from exporter.yamlfile import ConfigError

if TYPE_CHECKING:
    from exporter.config import Settings


def require_plausible(settings: "Settings", source: str, *, address_given: bool) -> None:
    """Raise ConfigError at the first value of `source` that cannot be.

    `address_given` is whether Aircall's address is the environment's.
    """
    check = _Check(settings, source)
    check.credential()
    check.address(("environment", "AIRCALL_BASE_URL") if address_given else (source, "aircall.base_url"))
    check.budget()
    check.periods()
    check.thresholds()
    check.groups()
    check.webhook()
    for dataset in settings.refresh.__struct_fields__:
        interval = getattr(settings.refresh, dataset)
        check.wanted(interval >= 1, f"refresh.{dataset}", interval, "at least 1s")


class _Check:
    def __init__(self, settings: "Settings", source: str) -> None:
        self._settings, self._source = settings, source

    def require(self, holds: bool, path: str, problem: str) -> None:
        if not holds:
            raise ConfigError(self._source, path, problem)

    def wanted(self, holds: bool, path: str, found: object, what: str) -> None:
        self.require(holds, path, f"found {yamlfile.short(found)}, wanted {what}")

    def credential(self) -> None:
        for key in ("api_id", "api_token"):
            secret, variable = getattr(self._settings.aircall, key), f"AIRCALL_{key.upper()}"
            missing = f"missing; set it here, or in the environment as {variable} or {variable}_FILE"
            self.require(bool(secret), f"aircall.{key}", missing)
            self.require(_is_whole(secret), f"aircall.{key}", _odd("the key as Aircall shows it"))
        two = "holds a colon, wanted the API ID without the token"
        self.require(":" not in self._settings.aircall.api_id, "aircall.api_id", two)

    def address(self, where: tuple[str, str]) -> None:
        address = self._settings.aircall.base_url
        if problem := _address_problem(address):
            shown = "an address" if "@" in address else yamlfile.short(address)
            raise ConfigError(*where, f"found {shown}, wanted {problem}")

    def budget(self) -> None:
        share, rate = self._settings.aircall.budget_share, self._settings.aircall.requests_per_minute
        self.wanted(0 < share <= 1, "aircall.budget_share", share, "a share above 0 and up to 1")
        if rate != "auto":
            enough = math.isfinite(rate) and rate * share >= 2
            what = "auto, or enough to leave us 2 a minute"
            self.wanted(enough, "aircall.requests_per_minute", rate, what)
        limit = self._settings.user_limit
        self.wanted(limit >= 1, "user_limit", limit, "1 or more")

    def periods(self) -> None:
        period, storage = self._settings.activity_period, self._settings.storage
        self.wanted(0 < period <= API_HISTORY, "activity_period", period, "more than 0s and at most 182d")
        kept = storage.retention
        self.wanted(not 0 < kept < 86400, "storage.retention", kept, "at least 1d, or 0s for ever")
        reach = Duration(min(kept or API_HISTORY, API_HISTORY))
        what = f"at most {reach}, as far as calls are kept"
        self.wanted(storage.backfill <= reach, "storage.backfill", storage.backfill, what)

    def thresholds(self) -> None:
        wait, share = self._settings.queue_wait, self._settings.thresholds
        at_most = f"at most queue_wait.critical ({wait.critical})"
        self.wanted(wait.warning <= wait.critical, "queue_wait.warning", wait.warning, at_most)
        missed, level = share.missed_share, share.service_level
        self.wanted(0 <= missed < 1, "thresholds.missed_share", missed, "a share from 0 (off) to below 1")
        self.wanted(0 <= level <= 1, "thresholds.service_level", level, "a share from 0 (off) to 1")

    def groups(self) -> None:
        names: set[str] = set()
        for position, group in enumerate(self._settings.groups):
            path = f"groups[{position}]"
            own = bool(group.name.strip()) and group.name not in names
            self.wanted(own, f"{path}.name", group.name, "a name of its own")
            somebody = bool(group.users or group.teams or group.numbers)
            self.require(somebody, path, "is empty, wanted users, teams or numbers")
            names.add(group.name)

    def webhook(self) -> None:
        webhook = self._settings.webhook
        many = "are more than two tokens, wanted the new one and the old one"
        self.require(len(webhook.tokens) <= 2, "webhook.token", many)
        whole = all(map(_is_whole, webhook.tokens))
        self.require(whole, "webhook.token", _odd("the token as Aircall gave it"))
        self.wanted(webhook.refresh >= 1, "webhook.refresh", webhook.refresh, "at least 1s")


def _is_whole(secret: str) -> bool:
    return re.fullmatch(r"[!-~]+", secret) is not None


def _odd(wanted: str) -> str:
    return f"holds a space, a line break or a sign outside ASCII, wanted {wanted}"


def _address_problem(address: str) -> str:
    """Say what is wanted of the API's address, or nothing where it is fine."""
    parts = web_address(address)
    if parts is None:
        return "an address such as https://api.aircall.io"
    if parts.username is not None or parts.password is not None:
        return "an address without a user or password in it"
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        return "https (plain http only to a loopback address)"
    if re.search(r"/v\d+/?$", parts.path):
        return "an address without the version, such as https://api.aircall.io"
    return ""
