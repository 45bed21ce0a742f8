"""TLS, passwords and headers for the web side, in the format that all of Prometheus' exporters share.

The file of `--web.config.file`, as prometheus/exporter-toolkit defines it. A key of the toolkit that
cannot be honoured here is refused, never passed over.
"""

import re
import ssl
from pathlib import Path
from typing import Literal

import msgspec

from exporter import yamlfile
from exporter.yamlfile import ConfigError, Texts

ClientAuth = Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"]
TlsVersion = Literal["TLS12", "TLS13"]
HEADERS = (
    "X-Frame-Options",
    "X-Content-Type-Options",
    "X-XSS-Protection",
    "Strict-Transport-Security",
    "Content-Security-Policy",
)
"""The headers that the toolkit lets one set."""

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_CLIENT_AUTH = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_TEXTS = Texts(
    wanted={
        "tls_server_config.client_auth_type": ", ".join(_CLIENT_AUTH),
        "tls_server_config.min_version": "TLS12 or TLS13",
        "tls_server_config.max_version": "TLS12 or TLS13",
    }
)


class TlsServer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to serve over TLS. Files are told from the directory of the configuration file."""

    cert_file: str
    key_file: str
    client_auth_type: ClientAuth = "NoClientCert"
    client_ca_file: str = ""
    min_version: TlsVersion = "TLS12"
    max_version: TlsVersion = "TLS13"


class HttpServer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What every answer carries. HTTP/2 is never served; `http2: true` only allows it."""

    http2: bool = True
    headers: dict[str, str] = {}


class WebConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. `basic_auth_users` are bcrypt hashes by name; with any, all paths want a password."""

    tls_server_config: TlsServer | None = None
    http_server_config: HttpServer = HttpServer()
    basic_auth_users: dict[str, str] = {}


NO_WEB_CONFIG = WebConfig()


def load_web_config(path: str) -> WebConfig:
    """Read the file. Raises ConfigError, whose text is one line."""
    config = yamlfile.convert(yamlfile.read(path), WebConfig, path, _TEXTS)
    for user, hashed in config.basic_auth_users.items():
        if not re.fullmatch(r"\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}", hashed):
            raise ConfigError(path, f"basic_auth_users.{user}", "is not a bcrypt hash, wanted one ($2y$...)")
    for name, value in config.http_server_config.headers.items():
        problem = (
            f"is not a header to be set here; known: {', '.join(HEADERS)}" if name not in HEADERS else ""
        )
        if problem or not (value.isascii() and value.isprintable()):
            problem = problem or "holds a line break or a sign outside ASCII"
            raise ConfigError(path, f"http_server_config.headers.{name}", problem)
    tls = config.tls_server_config
    if tls is None:
        return config
    verifies = tls.client_auth_type != "NoClientCert"
    if verifies != bool(tls.client_ca_file):
        problem = "is missing, client certificates are checked against it" if verifies else "is set, but"
        which = "" if verifies else " client_auth_type wants no client certificates"
        raise ConfigError(path, "tls_server_config.client_ca_file", problem + which)
    if _VERSIONS[tls.min_version] > _VERSIONS[tls.max_version]:
        raise ConfigError(path, "tls_server_config.min_version", f"is above max_version ({tls.max_version})")
    directory = Path(path).parent
    tls = msgspec.structs.replace(
        tls,
        cert_file=str(directory / tls.cert_file),
        key_file=str(directory / tls.key_file),
        client_ca_file=str(directory / tls.client_ca_file) if tls.client_ca_file else "",
    )
    try:
        tls_context(tls)
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "reason", None) or error.strerror or error
        raise ConfigError(path, "tls_server_config", f"certificate or key cannot be used: {reason}") from None
    return msgspec.structs.replace(config, tls_server_config=tls)


def tls_context(tls: TlsServer) -> ssl.SSLContext:
    """A server's context with the files as they are now. Raises OSError or ssl.SSLError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = _VERSIONS[tls.min_version], _VERSIONS[tls.max_version]
    context.load_cert_chain(tls.cert_file, tls.key_file)
    context.verify_mode = _CLIENT_AUTH[tls.client_auth_type]
    if tls.client_ca_file:
        context.load_verify_locations(tls.client_ca_file)
    return context
