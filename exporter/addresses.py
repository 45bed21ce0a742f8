"""Web addresses, as configurations and commands name them."""

from ipaddress import ip_address
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
