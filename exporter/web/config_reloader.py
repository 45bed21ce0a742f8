"""The file of `--web.config.file`: read again as soon as it, or a file that it names, has changed.

A changed file that cannot be used, or protects less than before, is rejected. The old one stays in force.
"""

import math
import ssl
import time
from collections import deque
from pathlib import Path

import structlog

from exporter.config_file import ConfigError
from exporter.web.config import NO_WEB_CONFIG, WebConfig, build_ssl_context, read_web_config
from exporter.web.protection import lost_protection

log = structlog.get_logger()

RETRY_AFTER_S = 10.0
"""Seconds after which files that could not be used are read once more."""

MAX_LINES = 10
LINES_SECONDS = 60.0
"""A file that is rewritten again and again logs at most so many problems in so many seconds."""

_Stamp = tuple[int, int, int]


class WebConfigReloader:
    """The web configuration in force for the next request and the next handshake.

    Without a file, no password and no certificate is needed.
    """

    def __init__(self, path: str | None = None) -> None:
        """Read the file. Raises ConfigError if it cannot be used."""
        self._path = path
        self._config = read_web_config(path) if path else NO_WEB_CONFIG  # says which files to look at
        self._seen = self._stamps()
        self._refused: str | None = None
        self._again_at = math.inf
        self._logged: deque[float] = deque(maxlen=MAX_LINES)
        self._read()

    @property
    def config(self) -> WebConfig:
        self._look()
        return self._config

    @property
    def context(self) -> ssl.SSLContext | None:
        """What the next connection is encrypted with; none without TLS."""
        self._look()
        return self._context

    def _look(self) -> None:
        stamps, now = self._stamps(), time.monotonic()
        if stamps == self._seen and now < self._again_at:
            return
        before, seen = self._config, self._seen
        self._seen, self._again_at = stamps, math.inf
        try:
            self._read()
        except Exception as error:  # whatever is wrong with the files, the old configuration stays in force
            self._again_at = now + RETRY_AFTER_S  # the problem may be in a file that is not watched yet
            problem = str(error) if isinstance(error, ConfigError) else f"{type(error).__name__}: {error}"
            quiet = len(self._logged) == MAX_LINES and now - self._logged[0] < LINES_SECONDS
            if problem != self._refused and not quiet:
                self._refused = problem
                self._logged.append(now)
                log.error("the web configuration is not read again, the old one stays", problem=problem)
        else:
            if self._refused or self._config != before or stamps[1:] != seen[1:]:
                log.info("the web configuration is read again", file=self._path)
            self._refused = None

    def _read(self) -> None:
        config = read_web_config(self._path) if self._path else NO_WEB_CONFIG
        context = build_ssl_context(config, self._path or "")
        if lost := lost_protection(self._config, config):
            raise ConfigError(self._path or "", *lost)
        self._context, self._config = context, config

    def _stamps(self) -> tuple[_Stamp, ...]:
        """What tells one content of the files from another."""
        tls = self._config.tls_server_config
        files = (self._path, *((tls.cert_file, tls.key_file, tls.client_ca_file) if tls else ()))
        return tuple(_stamp(file) for file in files if file)


def _stamp(file: str) -> _Stamp:
    try:
        found = Path(file).stat()
    except (OSError, ValueError):  # the problem is reported when the file is read
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_ino, found.st_size)
