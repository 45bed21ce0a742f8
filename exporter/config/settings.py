"""Define the configuration file's keys and defaults.

The reference for users is docs/configuration.md. A test compares it with the classes below.
"""

import base64
from typing import Literal

import msgspec

from exporter.durations import Duration

Caller = Literal["full", "masked", "hidden"]
"""How callers' numbers are shown, with the least protected first."""

SIMULATED_CREDENTIAL = {"AIRCALL_API_ID": "simulated", "AIRCALL_API_TOKEN": "simulated"}
"""The credential for commands that use a configuration without requests to Aircall."""


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

    calls: Duration = Duration(5)
    availabilities: Duration = Duration(5)
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
    call_back: Duration = Duration(0)
    """For the age of the oldest open call-back of a number."""
    substatus: dict[str, Duration] = {}
    """For a user on do not disturb, by substatus in any spelling, in place of `do_not_disturb`."""
    missed_rate: float = 0.0
    abandoned_rate: float = 0.0


class Today(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a day begins: a time such as 06:00, and the name of a time zone such as Europe/Paris."""

    starts_at: str = "00:00"
    time_zone: str = ""
    """Without a name, the system's time zone is used."""


class ServiceLevel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which inbound calls were answered in time, and which calls count for that.

    A team or number whose service level is below the target is marked on dashboards.
    """

    within: Duration | None = None
    """The longest time to answer that is in time; `None` for `queue_wait.critical`."""
    target: float = 0.8
    """A ratio from 0 (disabled) to 1."""
    ignore_abandoned_within: Duration = Duration(0)
    """Calls abandoned sooner than this do not count; 0 disables it."""
    ignore_reasons: tuple[str, ...] = ()
    """Calls missed for these reasons do not count."""


class CallBacks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which missed callers are to be called back, and for how long."""

    after: Duration = Duration(0)
    """The time that callers have to call again themselves."""
    expire: Duration = Duration(7 * 86400)
    ignore_reasons: tuple[str, ...] = ("short_abandoned",)
    """Calls missed for these reasons do not have to be called back."""


class QueueWaitOverride(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of `queue_wait` that differ for a number or team."""

    warning: Duration | msgspec.UnsetType = msgspec.UNSET
    critical: Duration | msgspec.UnsetType = msgspec.UNSET


class ServiceLevelOverride(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of `service_level` that differ for a number or team."""

    within: Duration | msgspec.UnsetType = msgspec.UNSET
    target: float | msgspec.UnsetType = msgspec.UNSET
    ignore_abandoned_within: Duration | msgspec.UnsetType = msgspec.UNSET
    ignore_reasons: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET


class Override(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings that differ for a number or team."""

    sla: Duration | msgspec.UnsetType = msgspec.UNSET
    missed_rate: float | msgspec.UnsetType = msgspec.UNSET
    """In place of `thresholds.missed_rate`."""
    abandoned_rate: float | msgspec.UnsetType = msgspec.UNSET
    """In place of `thresholds.abandoned_rate`."""
    queue_wait: QueueWaitOverride = QueueWaitOverride()
    service_level: ServiceLevelOverride = ServiceLevelOverride()


class Overrides(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings that differ by number or team, under the name or id."""

    numbers: dict[str | int, Override] = {}
    teams: dict[str | int, Override] = {}


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


class GrafanaLive(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The Grafana to which the queue is pushed, and the file with the token for it.

    The file is read at each push, so it may be created later than the exporter is started.
    """

    url: str = ""
    """Without an address, nothing is pushed."""
    token_file: str = ""
    stream: str = "aircall"
    """Distinguishes several exporters that push to one Grafana."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of the file. Durations are in seconds."""

    aircall: Aircall = Aircall()
    activity_period: Duration = Duration(15 * 60)
    today: Today = Today()
    sla: Duration = Duration(0)
    queue_wait: QueueWait = QueueWait()
    refresh: Refresh = Refresh()
    teams: tuple[str, ...] = ()
    exclude_users: tuple[str | int, ...] = ()
    groups: tuple[Group, ...] = ()
    thresholds: Thresholds = Thresholds()
    service_level: ServiceLevel = ServiceLevel()
    overrides: Overrides = Overrides()
    call_backs: CallBacks = CallBacks()
    storage: Storage = Storage()
    webhook: Webhook = Webhook()
    grafana_live: GrafanaLive = GrafanaLive()
    map_users_to_numbers: bool = True
    user_limit: int = 10_000
    caller: Caller = "full"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that are redacted in logs: tokens, also as a header encodes them, and the archive's URL."""
        credential = f"{self.aircall.api_id}:{self.aircall.api_token}"
        header = base64.b64encode(credential.encode()).decode()
        return (self.aircall.api_token, header, self.storage.url, *self.webhook.tokens)
