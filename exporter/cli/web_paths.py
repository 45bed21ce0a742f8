"""Parse the flags for paths behind a reverse proxy. Invalid values raise argparse's error."""

import argparse
import re
from urllib.parse import urlsplit

from exporter.addresses import is_host, web_address
from exporter.config.safe_values import shown_value
from exporter.web.paths import Paths

_PATH = re.compile("(/[A-Za-z0-9._~-]+)*", re.ASCII)
"""A path without a slash at its end, of characters that need no quoting."""

TAKEN = ("-", "api", "users", "webhook")
"""The first parts of the paths of all other pages."""


def external_url(text: str) -> str:
    """Parse a URL, and remove slashes at its end. An empty text means that it is not known."""
    if not text:
        return ""
    parts = web_address(text)
    path = parts.path.rstrip("/") if parts else ""
    if parts is None or "@" in text or not is_host(parts.hostname or "") or not _is_path(path):
        has_more = any(sign in text for sign in "@?#")  # which may be a secret
        shown = "a URL with a user, a query or a fragment" if has_more else shown_value(text)
        raise argparse.ArgumentTypeError(
            f"found {shown}, expected a URL such as https://monitoring.example.com/aircall"
        )
    return f"{parts.scheme}://{parts.netloc}{path}"


def route_prefix(text: str) -> str | None:
    """Parse a prefix, with or without slashes around it. `None`, from an empty text, is the default."""
    if not text:
        return None
    names = text.strip("/")
    prefix = f"/{names}" if names else ""
    if not _is_path(prefix):
        raise argparse.ArgumentTypeError(f"found {shown_value(text)}, expected a path such as /aircall")
    return prefix


def telemetry_path(text: str) -> str:
    """Parse the path of the metrics, which no other page may have."""
    if text in ("", "/") or not _is_path(text):
        raise argparse.ArgumentTypeError(f"found {shown_value(text)}, expected a path such as /metrics")
    if text.split("/")[1] in TAKEN:
        raise argparse.ArgumentTypeError(
            f"found {shown_value(text)}, which other pages have, expected a path such as /metrics"
        )
    return text


def web_paths(arguments: argparse.Namespace) -> Paths:
    """Return the paths that the flags say. The default prefix is the path of the external URL."""
    url, prefix = arguments.external_url, arguments.route_prefix
    return Paths(urlsplit(url).path if prefix is None else prefix, url, arguments.telemetry_path)


def _is_path(text: str) -> bool:
    return _PATH.fullmatch(text) is not None and not {".", ".."} & set(text.split("/"))
