"""Which changes of the configuration a reload puts in force, and which are rejected or need a restart."""

import os
import threading
from collections.abc import Mapping, Set
from typing import get_args

import msgspec

from exporter.config import Caller, Settings, load_with_keys
from exporter.yamlfile import ConfigError

RESTART = ("storage.url", "storage.key_file", "storage.standby", "webhook.listen_address")
"""Keys that are read at the start only: what they name is open by then."""

TOKEN = "webhook.token"  # noqa: S105
"""Needs a restart if there was no token at the start: nothing takes events then."""


def in_force(started: Settings, read: Settings) -> tuple[Settings, tuple[str, ...]]:
    """Return the settings that a reload puts in force, and the changed keys that need a restart.

    Keys that need a restart keep the values from the start, so that none is half in force.

    Args:
        started: the settings at the start.
        read: the settings of the changed file.
    """
    keep = [key for key in RESTART if _value(read, key) != _value(started, key)]
    if read.webhook.tokens and not started.webhook.tokens:
        keep.append(TOKEN)
    settings = read
    for key in keep:
        section, _, name = key.partition(".")
        values = msgspec.structs.replace(getattr(settings, section), **{name: _value(started, key)})
        settings = msgspec.structs.replace(settings, **{section: values})
    return settings, tuple(keep)


def _value(settings: Settings, key: str) -> object:
    section, _, name = key.partition(".")
    return getattr(getattr(settings, section), name)


class ConfigFile:
    """The configuration file, which is read at the start and at each reload."""

    def __init__(self, path: str | None, environ: Mapping[str, str] = os.environ) -> None:
        """Read the file at `path` (none: defaults only). Raises ConfigError."""
        self._path, self._environ = path, environ
        self._lock = threading.Lock()
        self.settings, self._keys = load_with_keys(path, environ)
        """The settings that were accepted last."""

    def reread(self) -> Settings:
        """Read the file again, and return its settings.

        Raises ConfigError if the file cannot be used, or if it protects less by accident; then the settings
        that were accepted before stay.
        """
        with self._lock:
            settings, keys = load_with_keys(self._path, self._environ)
            require_protection(self._path or "configuration", self.settings, self._keys, settings, keys)
            self.settings, self._keys = settings, keys
            return settings


def require_protection(
    source: str, before: Settings, keys_before: Set[str], after: Settings, keys: Set[str]
) -> None:
    """Reject a file that was probably read while it was empty or cut off, and would show callers' numbers.

    Args:
        source: the path of the file, for the error.
        before: the settings in force.
        keys_before: the top-level keys in the file that they came from.
        after: the settings of the changed file.
        keys: the top-level keys in it.

    Raises ConfigError if the file has lost all its keys, or if it shows more of callers' numbers than before
    and `caller` is not one of its keys.
    """
    if keys_before and not keys:
        raise ConfigError(source, "", "has no keys, wanted some; restart to return to the defaults")
    shows_more = _shown(after.caller) > _shown(before.caller)
    if shows_more and "caller" not in keys:
        problem = f"is missing, wanted {before.caller}; write caller: {after.caller} to show callers' numbers"
        raise ConfigError(source, "caller", problem)


def _shown(caller: Caller) -> int:
    """Return how much of a caller's number is shown: the more, the larger."""
    return -get_args(Caller).index(caller)
