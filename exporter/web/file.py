"""The file of `--web.config.file` as it says now: read again as soon as it, or a file in it, has changed."""

import math
import ssl
import time
from pathlib import Path

import structlog

from exporter.web.config import NO_WEB_CONFIG, WebConfig, context_of, read_web_config
from exporter.yamlfile import ConfigError

log = structlog.get_logger()

AGAIN = 10.0
"""Seconds after which files that could not be used are looked at once more."""

_Stamp = tuple[int, int, int]


class WebFile:
    """What holds for the next request and the next handshake; without a file, that nothing is asked for.

    Where changed files cannot be used, what they said before stays in force.
    """

    def __init__(self, path: str | None = None) -> None:
        """Raises ConfigError where the file cannot be used."""
        self._path = path
        self._config = read_web_config(path) if path else NO_WEB_CONFIG  # says which files to look at
        self._seen = self._stamps()
        self._refused: str | None = None
        self._again_at = math.inf
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
        self._seen, self._again_at = stamps, math.inf
        try:
            self._read()
        except ConfigError as error:  # perhaps of a file that is still to come, and that is not looked at
            self._again_at = now + AGAIN
            if str(error) != self._refused:
                self._refused = str(error)
                log.error("the web configuration is not read again, the old one stays", problem=str(error))
        else:
            self._refused = None
            log.info("the web configuration is read again", file=self._path)

    def _read(self) -> None:
        config = read_web_config(self._path) if self._path else NO_WEB_CONFIG
        context = context_of(config, self._path or "")
        if (config.tls_server_config is None) != (self._config.tls_server_config is None):
            problem = "is new or gone; TLS is switched on and off by a restart"
            raise ConfigError(self._path or "", "tls_server_config", problem)
        self._context, self._config = context, config

    def _stamps(self) -> tuple[_Stamp, ...]:
        """What tells one content of the files from another."""
        tls = self._config.tls_server_config
        files = (self._path, *((tls.cert_file, tls.key_file, tls.client_ca_file) if tls else ()))
        return tuple(_stamp(file) for file in files if file)


def _stamp(file: str) -> _Stamp:
    try:
        found = Path(file).stat()
    except OSError:  # missing, or not ours to see: what is wrong is said when it is read
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_ino, found.st_size)
