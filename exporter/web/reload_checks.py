"""Detect that a changed web configuration protects less than the one in force.

A file that is rewritten in place can be read while it is empty or cut off, and part of a YAML file is often
valid YAML. So a reload may add protection, but it may not remove any.
"""

from collections.abc import Iterable
from typing import NamedTuple

from exporter.text import is_cut_off, truncate
from exporter.web.config import CLIENT_AUTH_TYPES, TLS_VERSIONS, TlsServer, WebConfig


class LostProtection(NamedTuple):
    """The key that protects less than before, and the problem in words."""

    key: str
    problem: str


def lost_protection(old: WebConfig, new: WebConfig) -> LostProtection | None:
    """Return the first protection of `old` that `new` lacks, or `None`.

    The exceptions are `basic_auth_users: {}` and `headers: {}`. No part of a file with users or headers looks
    like this, so it is intended.
    """
    if not new.removes_all_users and (lost := _missing("basic_auth_users", "users", old.users, new.users)):
        return lost
    return _lost_tls(old.tls_server_config, new.tls_server_config) or _lost_headers(old, new)


def _lost_tls(before: TlsServer | None, after: TlsServer | None) -> LostProtection | None:
    if (before is None) != (after is None):
        return LostProtection("tls_server_config", "is new or gone; TLS is switched on and off by a restart")
    if before is None or after is None:
        return None
    for key, values in (("client_auth_type", CLIENT_AUTH_TYPES), ("min_version", TLS_VERSIONS)):
        was, now = getattr(before, key), getattr(after, key)
        if values.index(now) < values.index(was):
            problem = f"found {now}, expected {was} or stricter; restart to protect less"
            return LostProtection(f"tls_server_config.{key}", problem)
    return _cut_off("tls_server_config.client_ca_file", before.client_ca_file, after.client_ca_file)


def _lost_headers(old: WebConfig, new: WebConfig) -> LostProtection | None:
    key = "http_server_config.headers"
    if new.removes_all_headers:
        return None
    if lost := _missing(key, "headers", old.headers, new.headers):
        return lost
    cut = (_cut_off(f"{key}.{name}", value, new.headers[name]) for name, value in old.headers.items())
    return next(filter(None, cut), None)


def _missing(key: str, what: str, old: Iterable[str], new: Iterable[str]) -> LostProtection | None:
    missing = sorted(set(old) - set(new))
    if not missing:
        return None
    named = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
    empty = f"{key.rpartition('.')[2]}: {{}}"
    remedy = f"restart to remove {what}, or write {empty} to remove all of them"
    return LostProtection(key, f"has lost {named}; {remedy}")


def _cut_off(key: str, old: str, new: str) -> LostProtection | None:
    if not is_cut_off(new, old):
        return None
    problem = f"found {truncate(new)}, which is only the beginning of {truncate(old)}; restart to shorten it"
    return LostProtection(key, problem)
