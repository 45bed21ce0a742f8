"""Whether a changed web configuration protects less than the one in force.

A file that is rewritten in place can be read while it is empty or cut off, and part of a YAML file is often
valid YAML. So a reload may add protection, but it may not remove any.
"""

from typing import NamedTuple

from exporter.web.config import CLIENT_AUTH_TYPES, TLS_VERSIONS, WebConfig


class LostProtection(NamedTuple):
    """The key that protects less than before, and the problem in words."""

    key: str
    problem: str


def lost_protection(old: WebConfig, new: WebConfig) -> LostProtection | None:
    """Return the first protection of `old` that `new` lacks, or None.

    The one exception is `basic_auth_users: {}`: no part of a file with users reads like this, so it is meant.
    """
    missing = sorted(old.users.keys() - new.users.keys())
    if missing and not new.removes_all_users:
        named = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        remedy = "restart to remove users, or write basic_auth_users: {} to remove all of them"
        return LostProtection("basic_auth_users", f"has lost {named}; {remedy}")
    if (old.tls_server_config is None) != (new.tls_server_config is None):
        return LostProtection("tls_server_config", "is new or gone; TLS is switched on and off by a restart")
    if old.tls_server_config is None or new.tls_server_config is None:
        return None
    before, after = old.tls_server_config, new.tls_server_config
    for key, values in (("client_auth_type", CLIENT_AUTH_TYPES), ("min_version", TLS_VERSIONS)):
        was, now = getattr(before, key), getattr(after, key)
        if values.index(now) < values.index(was):
            problem = f"found {now}, wanted {was} or stricter; restart to protect less"
            return LostProtection(f"tls_server_config.{key}", problem)
    return None
