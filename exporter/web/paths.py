"""Where the exporter's pages are, for itself and for clients behind a reverse proxy."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from exporter.webhooks.receiver import PATH as WEBHOOK

TELEMETRY = "/metrics"
"""The default path of the metrics."""

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Paths:
    """The prefix of all paths, the URL that clients use, and the path of the metrics."""

    prefix: str = ""
    """What the path of each request begins with, such as "/aircall"."""
    external_url: str = ""
    """The URL of the landing page for clients, without a slash at its end; "" if it is not known."""
    telemetry: str = TELEMETRY
    """The path of the metrics, below the prefix."""

    @property
    def link_prefix(self) -> str:
        """What the path of each link begins with. It differs from `prefix` if a proxy changes paths."""
        return urlsplit(self.external_url).path if self.external_url else self.prefix

    @property
    def base_url(self) -> str:
        """The URL of the landing page; if the external URL is not known, relative to the server's."""
        return self.external_url or self.prefix or "/"

    @property
    def origin(self) -> str | None:
        """The origin of the external URL, as browsers send it; `None` if it is not known."""
        if not self.external_url:
            return None
        parts = urlsplit(self.external_url)
        host = parts.netloc.lower().removesuffix(f":{_DEFAULT_PORTS[parts.scheme]}")
        return f"{parts.scheme}://{host}"

    def public(self, metrics: bool) -> tuple[str, ...]:
        """Return the paths that need no password.

        Args:
            metrics: Whether the metrics, health and readiness are among them, as with --web.public-metrics.
        """
        paths = (WEBHOOK, self.telemetry, "/-/healthy", "/-/ready") if metrics else (WEBHOOK,)
        return tuple(self.prefix + path for path in paths)


AT_ROOT = Paths()
"""The paths without a proxy."""
