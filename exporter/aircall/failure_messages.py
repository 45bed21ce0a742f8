"""Describe failed requests in short messages that contain no credential and no query."""

import http.client
import os
import re
import socket
import ssl
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import requests
from urllib3 import exceptions

from exporter.aircall.transport import Attempt, ProxyRefusedError
from exporter.credentials import secret_problem

_UNTRUSTED = (18, 19, 20, 21)
"""OpenSSL's codes for certificates that no known authority has signed (X509_V_ERR_...)."""

CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
"""Environment variables that name a file of CA certificates; the first one that is set counts."""

PROXY_VARIABLES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
"""Environment variables that name a proxy for https, in the order in which requests reads them."""

SOCKS = ("socks4", "socks4a", "socks5", "socks5h")
"""Schemes of SOCKS proxies, which requests supports if PySocks is installed."""


def describe(error: Exception, base_url: str, attempt: Attempt, seconds: float) -> tuple[str, str]:
    """Describe the failure of a request with a timeout of `seconds`.

    Returns the code for metrics (`timeout` or `connection`) and a message with host, port and proxy. The
    messages of requests and urllib3 are not used, because they contain URLs, queries and object addresses.
    """
    server, proxy = address(base_url), address(attempt.proxy) if attempt.proxy else ""
    peer = server if attempt.resolves_server else proxy or server
    causes = list(_causes(error))
    via = f"{server} through the proxy {proxy}" if proxy else server
    expired = attempt.expired or attempt.remaining <= 0
    if expired or any(_is_timeout(cause) for cause in causes):
        if _first(causes, exceptions.ConnectTimeoutError, requests.ConnectTimeout):
            return "timeout", f"no connection to {peer} in time"
        within = f"within {seconds:g}s" if expired else "in time"
        return "timeout", f"no complete answer from {via} {within}"
    problem = (
        _ca_problem(causes, attempt.verify)
        or _tls_problem(causes, via)
        or (_proxy_problem(causes, attempt.proxy, server) if attempt.proxy else "")
        or _connection_problem(causes, via, peer, attempt.answered)
        or f"the request to {via} failed: {type(error).__name__}"
    )
    return "connection", problem


def address(url: str) -> str:
    """Return the host and port of a URL, without the user and password that it may contain."""
    if _cuts_off_password(url):
        return "an address that is not valid"
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
        host = parts.hostname
    except ValueError:
        return "an address that is not valid"
    if not host:
        return "an address that is not valid"
    host = f"[{host}]" if ":" in host else host
    return f"{host}:{port}" if port else host


def _cuts_off_password(url: str) -> bool:
    """Return whether `/`, `?` or `#` in a password ends the host too early: it is then taken for the port."""
    return re.search("[/?#].*@", url.partition("://")[2] or url) is not None


_BROKE_OFF = (
    http.client.IncompleteRead,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
    exceptions.DecodeError,
    exceptions.IncompleteRead,
    exceptions.InvalidChunkLength,
)

_BAD_PROXY = (
    requests.exceptions.InvalidProxyURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidURL,
    exceptions.LocationValueError,
    exceptions.ProxySchemeUnknown,
)


def _ca_problem(causes: list[BaseException], verify: bool | str | None) -> str:
    """Describe the problem if the file of CA certificates cannot be loaded; otherwise return ""."""
    if _first(causes, ssl.SSLCertVerificationError) or not any(_concerns_files(cause) for cause in causes):
        return ""
    path: str = verify if isinstance(verify, str) else str(requests.utils.DEFAULT_CA_BUNDLE_PATH)
    try:
        if not Path(path).is_dir():
            ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        reason = "no valid certificate found"
    except OSError as error:
        reason = error.strerror or "unknown reason"
    else:
        return ""
    variable = next((name for name in CA_VARIABLES if os.environ.get(name) == path), None)
    return f"the CA certificates in {path}{f' ({variable})' if variable else ''} cannot be read: {reason}"


def _concerns_files(cause: BaseException) -> bool:
    """Return whether a certificate file may be the cause: a TLS error, or an OSError without an errno."""
    tls = (ssl.SSLError, exceptions.SSLError, FileNotFoundError, PermissionError)
    return isinstance(cause, tls) or (type(cause) is OSError and cause.errno is None)


def _tls_problem(causes: list[BaseException], via: str) -> str:
    """Describe the problem if TLS failed; otherwise return ""."""
    if not _first(causes, ssl.SSLError, exceptions.SSLError, requests.exceptions.SSLError):
        return ""
    reason = ""
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            reason = f": {cause.verify_message.rstrip('.')}"
            if cause.verify_code in _UNTRUSTED:
                reason += "; if a proxy inspects TLS, set REQUESTS_CA_BUNDLE to its CA certificates"
        elif isinstance(cause, ssl.SSLError) and cause.reason:
            reason = f": {cause.reason.lower().replace('_', ' ')}"
    return f"the TLS connection to {via} failed{reason}"


def _connection_problem(causes: list[BaseException], via: str, peer: str, answered: bool) -> str:
    """Describe the problem if the connection or the response failed; otherwise return "".

    `peer` is the host and port whose name was looked up.
    """
    if _first(causes, UnicodeError, exceptions.NameResolutionError, socket.gaierror):
        is_valid = not _first(
            causes, UnicodeError
        )  # getaddrinfo raises it for parts that are empty or too long
        return f"the name of {peer} {f'cannot be resolved{_reason(causes)}' if is_valid else 'is not valid'}"
    if _first(causes, http.client.RemoteDisconnected):
        return f"the connection to {via} was closed without an answer"
    broke_off = _first(causes, *_BROKE_OFF)
    if not broke_off and _first(causes, http.client.HTTPException):
        return f"the answer from {via} is not HTTP"
    if broke_off or answered:
        return f"the answer from {via} broke off{_reason(causes)}"
    if _first(causes, OSError, exceptions.HTTPError):
        return f"no connection to {via}{_reason(causes)}"
    return ""


def _proxy_problem(causes: list[BaseException], url: str, server: str) -> str:
    """Describe the problem if the proxy at `url` failed; otherwise return ""."""
    proxy = address(url)
    variable = next((name for name in PROXY_VARIABLES if os.environ.get(name) == url), "HTTPS_PROXY")
    if _first(causes, requests.exceptions.InvalidSchema) and url.partition("://")[0].lower() in SOCKS:
        return f"the SOCKS proxy {proxy} in {variable} needs PySocks: pip install 'requests[socks]'"
    if refusal := _first(causes, ProxyRefusedError):
        hint = f", check the user and password in {variable}" if "authentication" in str(refusal) else ""
        return f"the SOCKS proxy {proxy} refuses to connect to {server}: {refusal}{hint}"
    if problem := _proxy_address_problem(causes, url):
        return f"{problem}, expected one such as http://proxy.example:3128 in {variable}"
    for cause in causes:
        refused = str(cause) if type(cause) is OSError else ""
        status = refused.removeprefix("Tunnel connection failed: ")[:3]
        if status != refused[:3] and status.isascii() and status.isdigit():
            named = {each.value: f"{each.value} {each.phrase}" for each in HTTPStatus}
            hint = f", check the user and password in {variable}" if status == "407" else ""
            return f"the proxy {proxy} refuses to connect to {server}: {named.get(int(status), status)}{hint}"
    if _first(causes, exceptions.ProxyError):
        return f"no connection to the proxy {proxy}{_reason(causes)}"
    return ""


def _proxy_address_problem(causes: list[BaseException], url: str) -> str:
    """Describe the problem if the address of a proxy is not usable; otherwise return ""."""
    if _cuts_off_password(url):
        return "the proxy's password holds '/', '?' or '#', which have to be written as %2F, %3F and %23"
    if not _first(causes, *_BAD_PROXY, socket.gaierror, UnicodeError):
        return ""
    if oddity := secret_problem(url):
        return f"the proxy's address {oddity}"
    if _first(causes, *_BAD_PROXY):
        return f"the proxy's address ({address(url)}) is not valid"
    return f"the name of the proxy {address(url)} is not valid" if _first(causes, UnicodeError) else ""


def _reason(causes: list[BaseException]) -> str:
    """Return the operating system's reason, such as ": Connection refused", or ""."""
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            return f": {cause.strerror}" if cause.strerror else ""
        if isinstance(cause, OSError) and cause.errno and not isinstance(cause, ssl.SSLError):
            return f": {os.strerror(cause.errno)}"
    return ""


def _is_timeout(cause: BaseException) -> bool:
    kinds = (TimeoutError, requests.Timeout, exceptions.TimeoutError)
    return isinstance(cause, kinds) and not isinstance(cause, exceptions.NewConnectionError)


def _first(causes: list[BaseException], *kinds: type[BaseException]) -> BaseException | None:
    return next((cause for cause in causes if isinstance(cause, kinds)), None)


def _causes(error: BaseException, depth: int = 0) -> Iterator[BaseException]:
    """Yield the error and its causes. Requests wraps urllib3's errors as an argument or as `reason`."""
    yield error
    if depth < 10:
        for inner in (*error.args, getattr(error, "reason", None), error.__cause__):
            if isinstance(inner, BaseException):
                yield from _causes(inner, depth + 1)
