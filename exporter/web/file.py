"""The file of `--web.config.file` as it says now: read again as soon as it, or a file in it, has changed."""

import ssl
from pathlib import Path

import structlog

from exporter.web.config import NO_WEB_CONFIG, WebConfig, load_web_config, tls_context
from exporter.yamlfile import ConfigError

log = structlog.get_logger()

_Stamp = tuple[int, int, int]


class WebFile:
    """What holds for the next request and the next handshake; without a file, that nothing is asked for.

    Where changed files cannot be used, what they said before stays in force.
    """

    def __init__(self, path: str | None = None) -> None:
        """Raises ConfigError where the file cannot be used."""
        self._path = path
        self._config = load_web_config(path) if path else NO_WEB_CONFIG  # says which files to look at
        self._seen = self._stamps()
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
        stamps = self._stamps()
        if stamps == self._seen:
            return
        self._seen = stamps
        try:
            self._read()
            log.info("the web configuration is read again", file=self._path)
        except ConfigError as error:
            log.error("the web configuration is not read again, the old one stays", problem=str(error))

    def _read(self) -> None:
        config = load_web_config(self._path) if self._path else NO_WEB_CONFIG
        if (config.tls_server_config is None) != (self._config.tls_server_config is None):
            problem = "is new or gone; TLS is switched on and off by a restart"
            raise ConfigError(self._path or "", "tls_server_config", problem)
        self._context = tls_context(config.tls_server_config) if config.tls_server_config else None
        self._config = config

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
