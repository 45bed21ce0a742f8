"""Web addresses, as configurations and commands name them."""

from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit


def web_address(text: str) -> SplitResult | None:
    """The parts of an http or https address with a host, and without query and fragment; else none."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port  # a port that is none raises
    except ValueError:
        return None
    whole = parts.scheme in ("https", "http") and host and not (parts.query or parts.fragment)
    return parts if whole else None


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
