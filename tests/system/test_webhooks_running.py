"""Webhooks of an exporter in real time: events during polls, many events, tokens, the listen address."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bcrypt
import pytest
import requests

from exporter.config.settings import Refresh, Webhook
from exporter.durations import Duration
from exporter.simulator.faults import Fault, Hang
from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from exporter.simulator.webhook_delivery import DeliveryThread, NetworkConditions
from exporter.simulator.webhooks import SimulatedWebhook
from exporter.webhooks.receiver import PATH
from harness.process import credential, process, run
from tests.support.calls import some_number
from tests.support.running import Running, eventually, running

TOKEN = "token-of-the-webhook"


def quiet() -> SimulatedAccount:
    return SimulatedAccount(users=6, calls_per_hour=0, start=time.time())


@contextmanager
def running_with_events(account: SimulatedAccount) -> Iterator[Running]:
    """Run an exporter that polls an account and receives its events."""
    second = Duration(1)
    refresh, webhook = Refresh(calls=second, availabilities=second), Webhook(token=TOKEN, refresh=second)
    with running(account, served={"rate_limit": 6000}, refresh=refresh, webhook=webhook) as exporter:
        exporter.until_ready()
        exporter.aircall.webhooks.add(SimulatedWebhook(exporter.url + PATH, token=TOKEN))
        delivery = DeliveryThread(account, exporter.aircall.webhooks, NetworkConditions(), time.time)
        delivery.start()
        try:
            yield exporter
        finally:
            delivery.stop()


def test_events_while_a_poll_waits_are_shown() -> None:
    account, hang = quiet(), Hang()
    with running_with_events(account) as exporter:
        number, _ = some_number(account)
        exporter.aircall.faults.append(Fault(lambda path: path == "/v2/users", hang))
        requests.post(f"{exporter.url}/-/refresh", timeout=5)
        assert hang.reached.wait(20)
        account.ring_in(number, "+33 1 11 11 11 11")
        eventually(lambda: exporter.scrape().value("aircall_queue_calls", number_id=number) == 1)
        assert not hang.released.is_set()
        hang.released.set()


def test_events_in_a_flood_are_all_applied_and_scrapes_are_answered() -> None:
    account, calls = quiet(), 200
    with running_with_events(account) as exporter:
        number, users = some_number(account)
        for user in users:
            account.users[user].wrap_up_time = 0
        for _ in range(calls):
            call = account.ring_in(number, "+33 1 11 11 11 11")
            account.ring_on(call.id, users[0])
            account.answer(call.id, users[0])
            account.hang_up(call.id)
            account.tag(call.id, "flood")
        eventually(lambda: exporter.scrape().sum("aircall_webhook_events_total") == 5 * calls)
        deliveries = exporter.scrape().all("aircall_webhook_events_total")
        results = {dict(labels)["result"] for labels, count in deliveries.items() if count}
        assert results <= {"accepted", "out_of_order"}  # a poll may have been earlier
        eventually(lambda: exporter.scrape().sum("aircall_calls_total") == calls)
        assert exporter.until_polled().sum("aircall_calls_total") == calls


@pytest.fixture
def aircall() -> Iterator[SimulatedAircall]:
    with SimulatedAircall(quiet()) as aircall:
        yield aircall


@pytest.mark.parametrize(
    "address", ["", ", listen_address: '127.0.0.1:0'"], ids=["shared address", "own address"]
)
def test_webhook_with_protected_pages_requires_only_the_token(
    aircall: SimulatedAircall, tmp_path: Path, address: str
) -> None:
    hashed = bcrypt.hashpw(b"password", bcrypt.gensalt(4)).decode()
    (tmp_path / "web.yml").write_text(f"basic_auth_users: {{prometheus: {hashed}}}")
    (tmp_path / "token").write_text(f"{TOKEN}\nthe-former-token\n")
    (tmp_path / "aircall.yml").write_text(f"webhook: {{token_file: {tmp_path}/token{address}}}")
    flags = (f"--web.config.file={tmp_path}/web.yml", f"--config.file={tmp_path}/aircall.yml")
    with process(*flags, f"--storage.path={tmp_path}", **credential(aircall)) as exporter:
        receiver = exporter.url
        if address:
            receiver = "http://" + exporter.logged(r"accepting webhook events\W+address=(127[0-9.:]+)")[1]
        body = {"event": "call.created", "timestamp": 1, "data": None}

        def answer(url: str, token: str) -> int:
            return requests.post(url + PATH, json=body | {"token": token}, timeout=5).status_code

        eventually(lambda: answer(receiver, TOKEN) == 200)
        assert [answer(receiver, token) for token in ("the-former-token", "another")] == [200, 401]
        assert answer(exporter.url, TOKEN) == (404 if address else 200)
        redirected = requests.post(f"{receiver}{PATH}/", timeout=5, allow_redirects=False)
        assert redirected.status_code == (404 if address else 401)
        for query in ("", "?collect[]=queue", "?collect[]=unknown"):
            answered = requests.get(f"{receiver}/metrics{query}", timeout=5).status_code
            assert answered == (404 if address else 401)
        metrics = requests.get(f"{exporter.url}/metrics", auth=("prometheus", "password"), timeout=5).text
        assert re.search(r'events_total{event="other",result="unauthorized"} 1.0', metrics)
    assert not any(TOKEN in line for line in exporter.lines)


def test_webhook_without_a_token_is_answered_404(aircall: SimulatedAircall, tmp_path: Path) -> None:
    with process(f"--storage.path={tmp_path}", **credential(aircall)) as exporter:
        assert requests.post(exporter.url + PATH, b"{}", timeout=5).status_code == 404
        assert "aircall_webhook" not in requests.get(f"{exporter.url}/metrics", timeout=5).text


def test_webhook_listen_address_not_valid_is_reported_in_one_line(
    aircall: SimulatedAircall, tmp_path: Path
) -> None:
    (tmp_path / "aircall.yml").write_text(f"webhook: {{token: {TOKEN}, listen_address: nowhere}}")
    flags = (f"--config.file={tmp_path}/aircall.yml", f"--storage.path={tmp_path}")
    done = run(*flags, "--web.listen-address=127.0.0.1:0", **credential(aircall))
    assert done.returncode == 2
    problem = 'webhook.listen_address: found "nowhere", expected an address such as 0.0.0.0:9979 or :9979'
    assert done.stderr == f"aircall-exporter: {tmp_path}/aircall.yml: {problem}\n"
