"""The addresses of pages behind a reverse proxy."""

import pytest

from exporter.web.auth import is_cross_site
from exporter.web.paths import Paths

URL = "https://monitoring.example.com/aircall"


@pytest.mark.parametrize(
    ("paths", "link_prefix", "base_url"),
    [
        (Paths(), "", "/"),
        (Paths("/aircall"), "/aircall", "/aircall"),
        (Paths("/aircall", URL), "/aircall", URL),
        (Paths("", URL), "/aircall", URL),
        (Paths("/aircall", "https://monitoring.example.com"), "", "https://monitoring.example.com"),
    ],
)
def test_links_begin_with_the_external_url_or_else_the_prefix(
    paths: Paths, link_prefix: str, base_url: str
) -> None:
    assert (paths.link_prefix, paths.base_url) == (link_prefix, base_url)


def test_public_paths_are_below_the_prefix() -> None:
    paths = Paths("/a/b", telemetry="/c/metrics")
    assert paths.public(metrics=False) == ("/a/b/webhook",)
    assert paths.public(metrics=True) == ("/a/b/webhook", "/a/b/c/metrics", "/a/b/-/healthy", "/a/b/-/ready")


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("", None),
        (URL, "https://monitoring.example.com"),
        ("http://Monitoring.Example.com:80/x", "http://monitoring.example.com"),
        ("https://monitoring.example.com:443", "https://monitoring.example.com"),
        ("http://monitoring.example.com:443", "http://monitoring.example.com:443"),
        ("http://[::1]:8080/x", "http://[::1]:8080"),
    ],
)
def test_origin_is_the_one_that_browsers_send(url: str, origin: str | None) -> None:
    assert Paths("", url).origin == origin


@pytest.mark.parametrize(
    ("headers", "cross_site"),
    [
        ({"origin": "https://monitoring.example.com"}, False),
        ({"origin": "http://10.0.0.1:9979"}, False),
        ({"origin": "http://monitoring.example.com"}, True),
        ({"origin": "https://evil.example"}, True),
        ({"origin": "null"}, True),
        ({"origin": ""}, True),
        ({"origin": "https://monitoring.example.com", "sec-fetch-site": "cross-site"}, True),
    ],
)
def test_request_from_the_external_url_is_of_this_site(headers: dict[str, str], cross_site: bool) -> None:
    sent = {"host": "10.0.0.1:9979"} | headers
    assert is_cross_site(sent, Paths("", URL).origin) == cross_site


def test_request_with_an_empty_origin_is_of_another_site_without_an_external_url() -> None:
    assert is_cross_site({"host": "a", "origin": ""}, Paths().origin)
