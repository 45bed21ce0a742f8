"""The web application below a prefix, and behind a proxy that removes it."""

import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import pytest
import requests

from exporter.simulator.simulation import SimulatedAccount
from exporter.web.config_reloader import WebConfigReloader
from exporter.web.paths import Paths
from tests.support.authority import USER, Authority, with_password
from tests.support.running import Running, eventually, running

EXTERNAL = "https://monitoring.example.com/a/aircall"
QUICK: dict[str, Any] = {"served": {"rate_limit": 6000}}
PATHS = Paths("/a/aircall", EXTERNAL, "/scrape")


def account_with_calls() -> SimulatedAccount:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=time.time())
    for age in (60, 30):
        call = account.ring_in(next(iter(account.numbers)), "+33 1 11 11 11 11", at=time.time() - age)
        account.miss(call.id, "no_available_agent", at=call.started_at + 5)
    return account


@pytest.fixture(scope="module")
def exporter(authority: Authority) -> Iterator[Running]:
    options = QUICK | {"api": True, "public_metrics": True}
    web = WebConfigReloader(with_password(authority.directory))
    with running(account_with_calls(), web=web, paths=PATHS, **options) as exporter:
        exporter.until_ready()
        yield exporter


def get(url: str) -> requests.Response:
    return requests.get(url, auth=USER, timeout=10, allow_redirects=False)


def test_path_outside_the_prefix_returns_404(exporter: Running) -> None:
    server = exporter.url.removesuffix(PATHS.prefix)
    for path in ("/scrape", "/-/healthy", "/webhook", "/a", "/a/", "/a/aircallx", "/api/v1/calls"):
        assert get(server + path).status_code == 404
        assert requests.post(server + path, auth=USER, timeout=10).status_code == 404
    for path in ("/metrics", "/a/aircall/scrape", "//scrape", "/scrape/", "/api/v1/calls/"):
        assert get(exporter.url + path).status_code == 404


def test_redirects_to_the_landing_page_are_relative(exporter: Running) -> None:
    server = exporter.url.removesuffix(PATHS.prefix)
    for path, location in (("/", "a/aircall/"), (PATHS.prefix, "aircall/")):
        redirect = get(server + path)
        assert (redirect.status_code, redirect.headers["Location"]) == (302, location)
        assert urljoin(server + path, location) == f"{exporter.url}/"


def test_links_of_the_landing_page_lead_to_pages_below_the_prefix(exporter: Running) -> None:
    page = f"{exporter.url}/"
    links = [urljoin(page, link) for link in re.findall('href="(.+?)"', get(page).text)]
    assert links == [f"{exporter.url}{path}" for path in ("/scrape", "/-/ready", "/-/healthy")]
    assert [get(link).status_code for link in links] == [200, 200, 200]


def test_public_metrics_below_a_prefix_leave_all_other_paths_behind_the_password(exporter: Running) -> None:
    assert all(requests.get(exporter.url + path, timeout=10).ok for path in ("/scrape", "/-/healthy"))
    server = exporter.url.removesuffix(PATHS.prefix)
    outside = [server + path for path in ("/", "/scrape", "/-/healthy", "/webhook", PATHS.prefix)]
    for url in (*outside, f"{exporter.url}/", f"{exporter.url}/metrics", f"{exporter.url}/users/456003"):
        assert requests.get(url, timeout=10, allow_redirects=False).status_code == 401
    assert requests.post(f"{exporter.url}/webhook", b"{}", timeout=10).status_code == 404  # no token is set


def next_page(exporter: Running) -> str:
    calls = f"{exporter.url}/api/v1/calls?from=1h&limit=1"
    return str(eventually(lambda: get(calls).json()["next"]))


def test_api_below_a_prefix_names_its_external_url(exporter: Running) -> None:
    following = next_page(exporter)
    assert following.startswith("/a/aircall/api/v1/calls?")
    assert len(get(urljoin(exporter.url, following)).json()["calls"]) == 1
    described = get(f"{exporter.url}/api/v1/openapi.json").json()
    assert described["servers"] == [{"url": EXTERNAL}]


def test_links_behind_a_proxy_that_removes_the_prefix_contain_it() -> None:
    with running(account_with_calls(), api=True, paths=Paths("", EXTERNAL), **QUICK) as exporter:
        exporter.until_ready()
        assert next_page(exporter).startswith("/a/aircall/api/v1/calls?")
        assert get(f"{exporter.url}/").status_code == 200
        assert get(f"{exporter.url}/metrics").status_code == 200
