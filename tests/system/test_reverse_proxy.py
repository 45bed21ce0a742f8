"""The exporter behind nginx, with the configuration of docs/operating.md."""

import re
import time
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import pytest
import requests

from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from harness.addresses import free_address
from harness.process import Process, credential, process
from harness.scrape import Scrape
from harness.servers import served
from tests.support.authority import USER, with_password
from tests.support.running import eventually
from tests.support.stack import ROOT, program

TOKEN = "token-of-the-webhook"

NGINX = """
daemon off;
master_process off;
pid nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {{
        listen {address};
{locations}
    }}
}}
"""


class Proxied(NamedTuple):
    """An exporter, the account that it reads, and the URL at which nginx serves it."""

    exporter: Process
    account: SimulatedAccount
    url: str

    def get(self, path: str) -> requests.Response:
        return requests.get(urljoin(f"{self.url}/", path), auth=USER, timeout=20, allow_redirects=False)


def locations(pages: str, events: str) -> str:
    """Return nginx's locations as documented, for an exporter at these addresses."""
    text = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
    (documented,) = re.findall(r"```nginx\n(.+?)```", text, re.DOTALL)
    return str(documented.replace("127.0.0.1:9979", pages).replace("127.0.0.1:9980", events))


def account_with_calls() -> SimulatedAccount:
    """Return an account with two calls, of which the first one is recorded."""
    account = SimulatedAccount(users=6, calls_per_hour=0, start=time.time())
    number, user = next((number.id, min(number.user_ids)) for number in account.numbers.values())
    for age in (90, 60):
        call = account.ring_in(number, "+33 1 11 11 11 11", at=time.time() - age)
        account.answer(call.id, user, at=call.started_at + 5)
        account.hang_up(call.id, at=call.started_at + 20)
        call.recorded = True
    return account


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    directory, address, events = tmp_path_factory.mktemp("proxy"), free_address(), free_address()
    url = f"http://{address}/aircall"
    (directory / "aircall.yml").write_text(f"webhook: {{token: {TOKEN}, listen_address: '{events}'}}")
    flags = (
        f"--config.file={directory}/aircall.yml",
        f"--storage.path={directory}",
        f"--web.config.file={with_password(directory)}",
        "--web.public-metrics",
        "--web.enable-api",
        "--web.enable-admin-api",
        f"--web.external-url={url}",
    )
    account, nginx = account_with_calls(), program("nginx", "nginx", "/usr/sbin/nginx")
    with (
        SimulatedAircall(account, rate_limit=6000) as aircall,
        process(*flags, **credential(aircall)) as exporter,
    ):
        config = NGINX.format(address=address, locations=locations(urlsplit(exporter.url).netloc, events))
        (directory / "nginx.conf").write_text(config)
        command = (nginx, "-p", str(directory), "-c", "nginx.conf", "-e", "nginx.log")
        with served(*command, directory=directory, ready=f"{url}/-/healthy"):
            eventually(lambda: requests.get(f"{url}/-/ready", timeout=5).ok)
            yield Proxied(exporter, account, url)


def test_landing_page_and_its_links_are_below_the_path_of_the_proxy(proxied: Proxied) -> None:
    assert proxied.get(urlsplit(proxied.url).path).headers["Location"] == f"{proxied.url}/"
    page = proxied.get("")
    links = re.findall('href="(.+?)"', page.text)
    assert len(links) == 3
    assert [proxied.get(link).status_code for link in links] == [200, 200, 200]
    direct = requests.get(f"{proxied.exporter.url}/", auth=USER, timeout=5)
    assert (direct.status_code, direct.url) == (200, f"{proxied.exporter.url}/aircall/")


def test_metrics_through_the_proxy_need_no_password(proxied: Proxied) -> None:
    assert Scrape.at(proxied.url).value("aircall_up") == 1
    outside = requests.get(f"{proxied.exporter.url}/metrics", auth=USER, timeout=5)
    assert (requests.get(f"{proxied.url}/", timeout=5).status_code, outside.status_code) == (401, 404)


def test_page_through_the_proxy_switches_a_user(proxied: Proxied) -> None:
    user = next(iter(proxied.account.users.values()))
    page = proxied.get(f"users/{user.id}")
    (token,) = re.findall(r'name="token" value="([0-9a-f]+)"', page.text)
    form = {"token": token, "availability": "unavailable"}
    own_origin = proxied.url.removesuffix("/aircall")
    for origin, code, status in (
        ("http://evil.example", 403, user.availability_status),
        (own_origin, 200, "unavailable"),
    ):
        answer = requests.post(page.url, form, auth=USER, headers={"Origin": origin}, timeout=20)
        assert (answer.status_code, user.availability_status) == (code, status)


def test_pages_of_calls_and_recordings_are_found_through_the_proxy(proxied: Proxied) -> None:
    eventually(lambda: proxied.get("api/v1/calls?from=1h").json()["totals"]["calls"] == 2)
    first = proxied.get("api/v1/calls?from=1h&limit=1").json()
    (call,) = proxied.get(first["next"]).json()["calls"]
    link = proxied.get(f"api/v1/calls/{call['id']}/recording")
    assert link.status_code == 302
    assert urlsplit(link.headers["Location"]).path.endswith("/recording.mp3")
    described = proxied.get("api/v1/openapi.json").json()
    assert described["servers"] == [{"url": proxied.url}]
    assert proxied.get(described["servers"][0]["url"] + "/api/v1/report?from=1h").status_code == 200


def send(url: str, token: str) -> int:
    """Send an event to this URL. Returns the status of the response."""
    event = {"event": "call.created", "timestamp": 1, "data": None, "token": token}
    return requests.post(url, json=event, timeout=5).status_code


def test_events_through_the_proxy_are_accepted(proxied: Proxied) -> None:
    webhook = f"{proxied.url}/webhook"
    assert (send(webhook, TOKEN), send(webhook, "another")) == (200, 401)
    scrape = Scrape.at(proxied.url)
    assert scrape.number("aircall_webhook_events_total", event="other", result="unauthorized") == 1
    logged = proxied.exporter.logged(r"accepting webhook events\W+address=(\S+) path=/aircall/webhook")
    assert send(f"http://{logged[1]}/webhook", TOKEN) == 404
