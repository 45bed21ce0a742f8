"""Web addresses, as configurations and commands name them."""

import re
from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

LONGEST_NAME = 253
"""Characters of a host name (RFC 1035)."""

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII | re.IGNORECASE)
"""A part of a host name, between two dots. Underscores are not standard, but used in private networks."""


def web_address(text: str) -> SplitResult | None:
    """The parts of an http or https address with a host, and without query and fragment; else none."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port  # a port that is none raises
    except ValueError:
        return None
    whole = parts.scheme in ("https", "http") and host and not (parts.query or parts.fragment)
    return parts if whole else None


def is_host(host: str) -> bool:
    """Whether `host` is an IP address, or a name that can be looked up."""
    try:
        ip_address(host)
    except ValueError:
        pass
    else:
        return True
    try:
        name = host.encode("idna").decode().removesuffix(".")  # what a name server is asked for
    except UnicodeError:  # a part is empty or too long
        return False
    return len(name) <= LONGEST_NAME and all(map(_LABEL.fullmatch, name.split(".")))


def is_loopback(host: str) -> bool:
    """Whether `host` (a name or an address) can only be this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def client_network(address: str) -> str:
    """Return what counts as one client: an IPv4 address, or an IPv6 network of 64 bits."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if not isinstance(ip, IPv6Address):
        return str(ip)
    return str(ip.ipv4_mapped or ip_network((int(ip), 64), strict=False))
