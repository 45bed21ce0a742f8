"""Parse and classify web addresses from the configuration and the command line."""

import re
from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

MAX_NAME_LENGTH = 253
"""Maximum characters of a host name (RFC 1035)."""

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII | re.IGNORECASE)
"""A part of a host name, between two dots. Underscores are not standard, but used in private networks."""


def web_address(text: str) -> SplitResult | None:
    """Return the parts of an http or https address with a host and without query and fragment, or `None`."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port  # an invalid port raises
    except ValueError:
        return None
    valid = parts.scheme in ("https", "http") and host and not (parts.query or parts.fragment)
    return parts if valid else None


def is_host(host: str) -> bool:
    """Return whether `host` is an IP address, or a name that can be looked up."""
    try:
        ip_address(host)
    except ValueError:
        pass
    else:
        return True
    try:
        name = host.encode("idna").decode().removesuffix(".")  # the form that name servers use
    except UnicodeError:  # a part is empty or too long
        return False
    return len(name) <= MAX_NAME_LENGTH and all(map(_LABEL.fullmatch, name.split(".")))


LISTEN_ADDRESS = "an address such as 0.0.0.0:9979 or :9979"


def listen_address(text: str) -> tuple[str, int] | None:
    """Return the host, which may be empty, and the port of an address to listen on, or None."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    is_port = port.isascii() and port.isdigit() and int(port) <= 65535
    return (host, int(port)) if is_port and (not host or is_host(host)) else None


def is_loopback(host: str) -> bool:
    """Return whether `host` (a name or an address) can only be this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def client_network(address: str) -> str:
    """Return the network that counts as one client: an IPv4 address, or an IPv6 network of 64 bits."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if not isinstance(ip, IPv6Address):
        return str(ip)
    return str(ip.ipv4_mapped or ip_network((int(ip), 64), strict=False))
