"""Which changes of the configuration a reload puts in force, and which need a restart."""

import msgspec

from exporter.config import Settings

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
