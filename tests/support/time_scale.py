"""Configuration of Prometheus and Alertmanager for a replay that is faster than real time."""

import re
from typing import Any

DURATIONS = {
    "evaluation_interval", "for", "group_interval", "group_wait", "interval", "keep_firing_for",
    "repeat_interval", "scrape_interval", "scrape_timeout",
}  # fmt: skip
"""Keys of the configuration whose values are durations."""

_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}


def shorter(duration: str, factor: int) -> str:
    """Return a duration such as `1m30s` divided by `factor`, as Prometheus reads it."""
    parts = re.findall(r"(\d+)(ms|s|m|h)", duration)
    return f"{round(sum(int(number) * _UNITS_MS[unit] for number, unit in parts) / factor)}ms"


def faster(config: Any, factor: int) -> Any:
    """Return a configuration, or a file of rules, with all durations divided by `factor`.

    The durations are those of keys, and the ranges and offsets of expressions. Numbers of seconds stay.
    """
    if isinstance(config, list):
        return [faster(each, factor) for each in config]
    if not isinstance(config, dict):
        return config
    return {key: _of_key(key, value, factor) for key, value in config.items()}


def _of_key(key: str, value: Any, factor: int) -> Any:
    if key in DURATIONS:
        return shorter(value, factor)
    if key == "expr":
        return re.sub(r"(\[|\boffset )(\d+[smh])", lambda found: found[1] + shorter(found[2], factor), value)
    return faster(value, factor)
