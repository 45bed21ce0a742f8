"""Create HTTP sessions for one server, with deadlines, proxies and CA certificates."""

import os
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import urlsplit

import requests

from exporter.addresses import is_loopback
from exporter.aircall.failure_messages import CA_VARIABLES
from exporter.aircall.transport import Transport
from exporter.version import VERSION

CONNECT_TIMEOUT_S = 5.0
"""Seconds for connecting to one address."""
REQUEST_TIMEOUT_S = 10.0
"""Seconds for a whole request, with name lookup, proxy, TLS, headers and body."""


class _Session(requests.Session):
    """Ignores redirects: requests fails on some invalid targets even if it does not follow them."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002
        return None


def new_session(base_url: str) -> tuple[requests.Session, Transport]:
    """Return a session for the server at `base_url`, and its transport.

    Requests have to be sent within an `Attempt`, which sets their deadline.
    """
    session, transport = _Session(), Transport()
    session.mount("https://", transport)
    session.mount("http://", transport)
    # No cookie is kept: many of them would make every later request too large for the server.
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    session.headers["User-Agent"] = f"aircall-exporter/{VERSION}"
    # requests reads the first two only, and none of them without trust_env.
    session.verify = next((path for name in CA_VARIABLES if (path := os.environ.get(name))), True)
    if is_loopback(urlsplit(base_url).hostname or ""):
        session.trust_env = False  # a proxy cannot reach the loopback interface
    return session, transport
