"""Parse and format durations as Prometheus writes them: ``15m``, ``1h30m``, ``500ms``, ``0s``."""

import re

_UNITS = {"y": 365 * 86400.0, "w": 7 * 86400.0, "d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PATTERN = re.compile("".join(rf"(?:([0-9]{{1,12}}){unit})?" for unit in _UNITS))


class Duration(float):
    """Seconds, formatted as Prometheus does."""

    def __str__(self) -> str:
        rest, text = round(float(self) * 1000), ""
        for unit, seconds in _UNITS.items():
            if unit in ("y", "w"):  # 14d is easier to read on a dashboard than 2w
                continue
            count, rest = divmod(rest, round(seconds * 1000))
            text += f"{count}{unit}" if count else ""
        return text or "0s"


def parse_duration(text: object) -> Duration:
    """Parse a duration such as ``10s``, ``1h30m`` or ``0``. Units must be in descending order, each once.

    Raises ValueError if `text` is not a duration.
    """
    if isinstance(text, str) and text != "":
        match = _PATTERN.fullmatch(text)
        if match:
            return Duration(
                sum(int(n) * unit for n, unit in zip(match.groups(), _UNITS.values(), strict=True) if n)
            )
    if text in ("0", 0) and not isinstance(text, bool):
        return Duration(0)
    raise ValueError("a duration such as 10s, 15m or 1h30m")
