"""Decide which configuration changes a reload applies, rejects, or leaves to a restart."""

import os
import threading
from collections.abc import Mapping
from typing import Any

import msgspec

from exporter.config.loader import Loaded, Written, load_with_file
from exporter.config.settings import Settings
from exporter.config.yaml_file import ConfigError, require_regular
from exporter.text import is_cut_off, truncate

RESTART = ("storage.url", "storage.key_file", "storage.standby", "webhook.listen_address")
"""Keys that are read only at the start, as they name files, databases or sockets that stay open."""

TOKEN = "webhook.token"  # noqa: S105
"""Needs a restart if there was no token at the start, as the exporter then accepts no events."""

GRAFANA = "grafana_live.url"
"""Needs a restart if there was no address at the start, as the exporter then has no thread that pushes."""

GUARDED = (
    "aircall.base_url",  # where the credential is sent
    "aircall.requests_per_minute",  # how much of the company's limit is used
    "aircall.budget_share",
    "teams",  # who is shown
    "exclude_users",
    "storage.retention",  # which calls are deleted
    TOKEN,  # which events are accepted
    "user_limit",  # how many series there are, permanently
    "caller",  # how much of callers' numbers is shown
)
"""Keys that a reload changes only if they are written in the file. So a file that was read while it was cut
off neither deletes data nor weakens protection."""

_ALSO_WRITTEN_AS = {TOKEN: "webhook.token_file"}

CREDENTIALS = (
    "aircall.api_id",
    "aircall.api_token",
    "aircall.api_token_file",
    "webhook.token_file",
    GRAFANA,  # where Grafana's token is sent
    "grafana_live.token_file",
)
"""Keys that are required, that replace a guarded key, or of which a part of their value is never valid."""


def in_force(started: Settings, read: Settings) -> tuple[Settings, tuple[str, ...]]:
    """Return the settings that a reload puts in force, and the changed keys that need a restart.

    Keys that need a restart keep the values from the start, so that no change is partly in force.

    Args:
        started: The settings at the start.
        read: The settings of the changed file.
    """
    keep = [key for key in RESTART if _value(read, key) != _value(started, key)]
    if read.webhook.tokens and not started.webhook.tokens:
        keep.append(TOKEN)
    if read.grafana_live.url and not started.grafana_live.url:
        keep.append(GRAFANA)
    settings = read
    for key in keep:
        section, _, name = key.partition(".")
        values = msgspec.structs.replace(getattr(settings, section), **{name: _value(started, key)})
        settings = msgspec.structs.replace(settings, **{section: values})
    return settings, tuple(keep)


def _value(settings: Any, key: str) -> object:
    for name in key.split("."):
        settings = getattr(settings, name)
    return settings


class ConfigFile:
    """The configuration file, which is read at the start and at each reload."""

    def __init__(self, path: str | None, environ: Mapping[str, str] = os.environ) -> None:
        """Read the file at `path` (`None`: defaults only). Raises ConfigError."""
        self._path, self._environ = path, environ
        self._lock = threading.Lock()
        self._loaded = load_with_file(path, environ)
        self._started = self.settings

    @property
    def settings(self) -> Settings:
        """The settings that were accepted last."""
        return self._loaded.settings

    def reread(self) -> Settings:
        """Read the file again, and return its settings.

        Raises ConfigError if the file cannot be used, or if it may have been read while it was cut off. The
        settings that were accepted before then stay in force.
        """
        with self._lock:
            source = self._path or "configuration"
            require_regular(source)
            loaded = load_with_file(self._path, self._environ)
            require_whole(source, self._loaded.written, loaded.written)
            require_whole_secrets(self._loaded, loaded)
            before, after = (in_force(self._started, each)[0] for each in (self.settings, loaded.settings))
            require_guarded(source, before, after, loaded.written)
            self._loaded = loaded
            return loaded.settings


def require_whole(source: str, before: Written, after: Written) -> None:
    """Reject a file that has lost all its keys, or whose last value may be incomplete.

    Args:
        source: The path of the file, for the error.
        before: The file that was accepted last.
        after: The changed file.

    Raises ConfigError.
    """
    if before.keys and not after.keys:
        raise ConfigError(source, "", "has no keys, expected some; restart to return to the defaults")
    if after.ends_with_line_break:
        return
    for key in (*GUARDED, *CREDENTIALS):
        if key in after.keys and _value(after.settings, key) != _value(before.settings, key):
            problem = "has changed in a file that may be cut off, expected a line break at its end"
            raise ConfigError(source, key, problem)


def require_whole_secrets(before: Loaded, after: Loaded) -> None:
    """Reject a secret from a file of its own that may have been read while it was cut off.

    Its file has lost the line break at its end, or it is only the beginning of a secret in force.

    Raises ConfigError, whose text does not contain the secret.
    """
    for key, origin in after.origins.items():
        if not origin.file:
            continue
        known = before.origins.get(key)
        lost_line_break = (
            known is not None
            and known.file == origin.file
            and known.ends_with_line_break
            and not origin.ends_with_line_break
        )
        if lost_line_break:
            raise origin.error("may be cut off, expected a line break at its end, as before")
        was, now = _secrets(before.settings, key), _secrets(after.settings, key)
        if any(is_cut_off(secret, each) for secret in set(now) - set(was) for each in was):
            raise origin.error("holds only the beginning of the secret in force, expected the whole secret")


def _secrets(settings: Settings, key: str) -> tuple[str, ...]:
    value = settings.webhook.tokens if key == TOKEN else _value(settings, key)
    return value if isinstance(value, tuple) else (str(value),)


def require_guarded(source: str, before: Settings, after: Settings, written: Written) -> None:
    """Reject a file in which a guarded key is missing, so that its default would apply.

    Args:
        source: The path of the file, for the error.
        before: The settings in force.
        after: The settings of the changed file that a reload would apply.
        written: The changed file.

    Raises ConfigError, whose text includes the remedy.
    """
    known, left = before.exclude_users, after.exclude_users
    if left and left == known[: len(left)] != known:
        found = f"found only the first {len(left)} of {len(known)} entries, which may be cut off"
        problem = f"{found}, expected others; restart to remove the last entries only"
        raise ConfigError(source, "exclude_users", problem)
    for key in GUARDED:
        was, now = _value(before, key), _value(after, key)
        falls_back = was != now and now == _value(Settings(), key)
        if falls_back and not {key, _ALSO_WRITTEN_AS.get(key)} & written.keys:
            section, _, name = key.rpartition(".")
            shown = "the token in force" if key == TOKEN else _shown(was)
            place = f" under {section}" if section else ""
            remedy = f"write {name}: {_shown(now)}{place} to change it"
            raise ConfigError(source, key, f"is missing, expected {shown}; {remedy}")


def _shown(value: object) -> str:
    """Return a value as it is written in the file."""
    return value if isinstance(value, str) and value else truncate(value)
