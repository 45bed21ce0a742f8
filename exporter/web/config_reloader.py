"""Reload the file of `--web.config.file` when it, or a file that it names, has changed.

A changed file that cannot be used, or protects less than before, is rejected. The old one stays in force.
"""

import math
import ssl
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import structlog

from exporter.config import yaml_file
from exporter.config.yaml_file import ConfigError
from exporter.text import ends_with_line_break
from exporter.web.config import NO_WEB_CONFIG, WebConfig, build_ssl_context, parse_web_config, read_web_config
from exporter.web.reload_checks import lost_protection

log = structlog.get_logger()

RETRY_AFTER_S = 10.0
"""Seconds after which files that could not be used are read again."""

MAX_LINES = 10
LINES_SECONDS = 60.0
"""At most `MAX_LINES` problems are logged in `LINES_SECONDS`, even if a file changes constantly."""

_Stamp = tuple[int, int, int]


class WebConfigReloader:
    """The web configuration in force for the next request and the next handshake.

    Without a file, no password and no certificate is needed.
    """

    def __init__(self, path: str | None = None) -> None:
        """Read the file. Raises ConfigError if it cannot be used."""
        self._path = path
        self._config = read_web_config(path) if path else NO_WEB_CONFIG  # names the files to watch
        self._seen = self._stamps()
        self._problem: str | None = None
        self._ends_with_line_break = False
        self._retry_at = math.inf
        self._logged: deque[float] = deque(maxlen=MAX_LINES)
        self._read()

    @property
    def config(self) -> WebConfig:
        """Return the configuration, after reading changed files again."""
        self._reload_if_changed()
        return self._config

    @property
    def context(self) -> ssl.SSLContext | None:
        """The TLS context of the next connection; `None` without TLS."""
        self._reload_if_changed()
        return self._context

    def _reload_if_changed(self) -> None:
        stamps, now = self._stamps(), time.monotonic()
        if stamps == self._seen and now < self._retry_at:
            return
        before, seen = self._config, self._seen
        self._seen, self._retry_at = stamps, math.inf
        try:
            for file in self._files():
                yaml_file.require_regular(file)
            self._read()
        except Exception as error:  # after any error, the previous configuration stays in force
            self._retry_at = now + RETRY_AFTER_S  # the problem may be in a file that is not watched yet
            problem = str(error) if isinstance(error, ConfigError) else f"{type(error).__name__}: {error}"
            quiet = len(self._logged) == MAX_LINES and now - self._logged[0] < LINES_SECONDS
            if problem != self._problem and not quiet:
                self._problem = problem
                self._logged.append(now)
                log.error("web configuration reload failed, previous one stays in force", problem=problem)
        else:
            if self._problem or self._config != before or stamps[1:] != seen[1:]:
                log.info("web configuration reloaded", file=self._path)
            self._problem = None

    def _read(self) -> None:
        text = yaml_file.read_text(self._path) if self._path else ""
        if self._ends_with_line_break and not ends_with_line_break(text):
            raise ConfigError(
                self._path or "", "", "may be cut off, expected a line break at its end, as before"
            )
        config = parse_web_config(text, self._path) if self._path else NO_WEB_CONFIG
        context = build_ssl_context(config, self._path or "")
        if lost := lost_protection(self._config, config):
            raise ConfigError(self._path or "", *lost)
        self._context, self._config = context, config
        self._ends_with_line_break = ends_with_line_break(text)

    def _stamps(self) -> tuple[_Stamp, ...]:
        """Return values that change when a file changes."""
        return tuple(map(_stamp, self._files()))

    def _files(self) -> Iterator[str]:
        """Yield the files of the configuration in force."""
        tls = self._config.tls_server_config
        yield from filter(
            None, (self._path, *((tls.cert_file, tls.key_file, tls.client_ca_file) if tls else ()))
        )


def _stamp(file: str) -> _Stamp:
    try:
        found = Path(file).stat()
    except (OSError, ValueError):  # the problem is reported when the file is read
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_ino, found.st_size)
