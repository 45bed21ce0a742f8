"""Read the file of `--web.config.file`: TLS, passwords and headers.

The format is that of prometheus/exporter-toolkit. A key of the toolkit that is not supported here is an
error; it is never ignored.
"""

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, get_args

import msgspec
from msgspec import UNSET, UnsetType

from exporter.config import yaml_file
from exporter.config.safe_values import shown_file, shown_value
from exporter.config.yaml_file import ConfigError, Messages

ClientAuth = Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"]
TlsVersion = Literal["TLS12", "TLS13"]
CLIENT_AUTH_TYPES: tuple[ClientAuth, ...] = get_args(ClientAuth)
"""The strictest is the last."""
TLS_VERSIONS: tuple[TlsVersion, ...] = get_args(TlsVersion)
"""The newest is the last."""
HEADERS: dict[str, tuple[str, ...]] = {
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-Content-Type-Options": ("nosniff",),
    "X-XSS-Protection": (),
    "Strict-Transport-Security": (),
    "Content-Security-Policy": (),
}
"""The headers that the toolkit can set, and the allowed values of each. An empty tuple allows any value."""

BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")
"""A hash that can be checked: a cost of 4 to 31, then a salt of 128 bits and 184 bits of the hash."""

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_CLIENT_AUTH = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_TEXTS = Messages(
    expected={
        "tls_server_config.client_auth_type": ", ".join(_CLIENT_AUTH),
        "tls_server_config.min_version": "TLS12 or TLS13",
        "tls_server_config.max_version": "TLS12 or TLS13",
    },
    secret=frozenset({"basic_auth_users"}),
)
_REASONS = {
    "KEY_VALUES_MISMATCH": "it does not belong to the certificate",
    "NO_CERTIFICATE_OR_CRL_FOUND": "it holds no certificate in PEM",
}


class TlsError(Exception):
    """A TLS file cannot be used. `key` is the configuration key that names it; the text is the reason."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(problem)
        self.key = key


class TlsServer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """TLS settings. Paths are relative to the directory of the configuration file."""

    cert_file: str
    key_file: str
    client_auth_type: ClientAuth = "NoClientCert"
    client_ca_file: str = ""
    min_version: TlsVersion = "TLS12"
    max_version: TlsVersion = "TLS13"


class HttpServer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Headers of every response. HTTP/2 is never served; `http2: true` only allows it."""

    http2: bool = True
    headers: dict[str, str] | UnsetType = UNSET
    """Unset if the file does not have the key."""


class WebConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of the file."""

    tls_server_config: TlsServer | None = None
    http_server_config: HttpServer = HttpServer()
    basic_auth_users: dict[str, str] | UnsetType = UNSET
    """Unset if the file does not have the key."""

    @property
    def users(self) -> dict[str, str]:
        """The bcrypt hashes of passwords by user name; with any, every path needs a password."""
        return {} if self.basic_auth_users is UNSET else self.basic_auth_users

    @property
    def removes_all_users(self) -> bool:
        """Whether the file says explicitly that there are no users."""
        return self.basic_auth_users is not UNSET and not self.basic_auth_users

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every response. A header with an empty value is left out."""
        headers = self.http_server_config.headers
        return {} if headers is UNSET else {name: value for name, value in headers.items() if value}

    @property
    def removes_all_headers(self) -> bool:
        """Whether the file says explicitly that there are no headers."""
        headers = self.http_server_config.headers
        return headers is not UNSET and not headers

    @property
    def requires_client_cert(self) -> bool:
        """Whether every client must present a certificate."""
        tls = self.tls_server_config
        return tls is not None and tls.client_auth_type == "RequireAndVerifyClientCert"

    @property
    def can_authenticate(self) -> bool:
        """Whether the configuration has a way for clients to authenticate."""
        return bool(self.users) or self.requires_client_cert


NO_WEB_CONFIG = WebConfig()


def load_web_config(path: str) -> WebConfig:
    """Read the file, and try the files in it. Raises ConfigError, whose text is one line."""
    config = read_web_config(path)
    build_ssl_context(config, path)
    return config


def read_web_config(path: str) -> WebConfig:
    """Read the file alone. Raises ConfigError, whose text is one line."""
    return parse_web_config(yaml_file.read_text(path), path)


def parse_web_config(text: str, path: str) -> WebConfig:
    """Parse the text of the file. Raises ConfigError, whose text is one line."""
    config = yaml_file.convert(yaml_file.parse(text, path), WebConfig, path, _TEXTS)
    for user, hashed in config.users.items():
        if not BCRYPT.fullmatch(hashed):
            raise ConfigError(
                path, f"basic_auth_users.{user}", "is not a bcrypt hash, expected one ($2y$...)"
            )
    headers = config.http_server_config.headers or {}
    for name, value in headers.items():
        if problem := _header_problem(name, value):
            raise ConfigError(path, f"http_server_config.headers.{name}", problem)
    tls = config.tls_server_config
    if tls is None:
        return config
    verifies = tls.client_auth_type != "NoClientCert"
    if verifies != bool(tls.client_ca_file):
        problem = "is missing, client certificates are checked against it" if verifies else "is set, but"
        which = "" if verifies else " client_auth_type expects no client certificates"
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
    return msgspec.structs.replace(config, tls_server_config=tls)


def build_ssl_context(config: WebConfig, path: str) -> ssl.SSLContext | None:
    """Return the TLS context, or `None` without TLS. Raises ConfigError that names `path` as the file."""
    try:
        return tls_context(config.tls_server_config) if config.tls_server_config else None
    except TlsError as error:
        raise ConfigError(path, f"tls_server_config.{error.key}", str(error)) from None


def _header_problem(name: str, value: str) -> str:
    """Return the problem with a header, or "" if it is valid. An empty value leaves the header out."""
    if name not in HEADERS:
        return f"is not a header to be set here; known: {', '.join(HEADERS)}"
    if not (value.isascii() and value.isprintable()) or value != value.strip():
        return "holds a line break, a character outside ASCII, or a space around it"
    values = HEADERS[name]
    if value and values and value not in values:
        return f"found {shown_value(value)}, expected {' or '.join(values)}"
    return ""


def tls_context(tls: TlsServer) -> ssl.SSLContext:
    """Return a server's context with the current content of the files. Raises TlsError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = _VERSIONS[tls.min_version], _VERSIONS[tls.max_version]
    with _errors_for("cert_file", tls.cert_file):  # checked first, so that a later error concerns the key
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(tls.cert_file)
    with _errors_for("key_file", tls.key_file):
        Path(tls.key_file).read_bytes()  # its error has a reason, unlike that of load_cert_chain
        # Without a password argument, OpenSSL would prompt for one on the terminal, and block.
        context.load_cert_chain(tls.cert_file, tls.key_file, password="")
    context.verify_mode = _CLIENT_AUTH[tls.client_auth_type]
    if tls.client_ca_file:
        with _errors_for("client_ca_file", tls.client_ca_file):
            context.load_verify_locations(tls.client_ca_file)
    return context


@contextmanager
def _errors_for(key: str, file: str) -> Iterator[None]:
    """Convert errors about `file` to a TlsError that names it."""
    try:
        yield
    except ssl.SSLError as error:
        unnamed = "it is no PEM file, or needs a password"
        reason = _REASONS.get(error.reason, error.reason) if error.reason else unnamed
        raise TlsError(key, f"{shown_file(file)} cannot be used: {reason}") from None
    except OSError as error:
        raise TlsError(key, f"{shown_file(file)} cannot be read: {error.strerror}") from None
    except ValueError:  # a path with a NUL character
        raise TlsError(key, "is no path of a file") from None
