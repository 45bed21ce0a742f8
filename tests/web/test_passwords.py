"""Basic authentication, over real HTTP."""

import base64
import socket
import threading
from contextlib import ExitStack
from itertools import count

import bcrypt
import pytest
import requests

from exporter.web import passwords
from exporter.web.connections import Connection
from tests.support.authority import HASH, PASSWORD, Authority, exporter
from tests.support.web_configs import Checks


def test_request_requires_the_right_password(authority: Authority) -> None:
    with exporter(authority, {"basic_auth_users": {"prometheus": HASH}}) as guarded:
        for path in ("/", "/metrics", "/-/healthy", "/-/ready", "/nowhere"):
            refused = requests.get(guarded.url + path, timeout=5)
            assert refused.status_code == 401
            assert refused.headers["WWW-Authenticate"].startswith("Basic ")
        for user, password in (("prometheus", "wrong"), ("nobody", PASSWORD), ("prometheus", ""), ("", "")):
            assert requests.get(f"{guarded.url}/metrics", auth=(user, password), timeout=5).status_code == 401
        for header in ("Basic ???", "Bearer x", "Basic", "Basic " + "A" * 5000):
            answer = requests.get(f"{guarded.url}/metrics", headers={"Authorization": header}, timeout=5)
            assert answer.status_code == 401
        for _ in range(2):
            right = requests.get(f"{guarded.url}/-/healthy", auth=("prometheus", PASSWORD), timeout=5)
            assert right.status_code == 200
        assert requests.post(f"{guarded.url}/-/refresh", timeout=5).status_code == 401


def test_request_of_an_unknown_user_checks_the_most_expensive_hash(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    costly = bcrypt.hashpw(b"other", bcrypt.gensalt(5)).decode()
    checks = Checks(monkeypatch)
    with exporter(authority, {"basic_auth_users": {"prometheus": HASH, "admin": costly}}) as guarded:
        for _ in range(3):
            requests.get(f"{guarded.url}/metrics", auth=("prometheus", PASSWORD), timeout=5)
        assert checks.hashes == [HASH]
        requests.get(f"{guarded.url}/metrics", auth=("nobody", PASSWORD), timeout=5)
        assert checks.hashes == [HASH, costly]
        requests.get(f"{guarded.url}/metrics", auth=("admin", PASSWORD), timeout=5)
        assert checks.hashes == [HASH, costly, costly]


def test_scrape_while_clients_guess_is_answered(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = Checks(monkeypatch)
    with exporter(authority, {"basic_auth_users": {"prometheus": HASH}}) as guarded:

        def get(password: str) -> int:
            return requests.get(
                f"{guarded.url}/metrics", auth=("prometheus", password), timeout=15
            ).status_code

        assert get(PASSWORD) == 200
        checks.begun.clear()
        checks.go_on.clear()
        guesses = [threading.Thread(target=get, args=(f"guess {n}",)) for n in range(60)]
        for guess in guesses:
            guess.start()
        assert checks.begun.wait(20)
        assert get(PASSWORD) == 200
        checks.go_on.set()
        for guess in guesses:
            guess.join(20)
            assert not guess.is_alive()
        assert len(checks.hashes) == 61


def test_guesses_of_disconnected_clients_are_not_checked(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = Checks(monkeypatch)
    checks.go_on.clear()
    lost, connection_lost = threading.Semaphore(0), Connection.connection_lost

    def connection_lost_and_notify(self: Connection, error: Exception | None) -> None:
        connection_lost(self, error)
        lost.release()

    monkeypatch.setattr(Connection, "connection_lost", connection_lost_and_notify)
    with exporter(authority, {"basic_auth_users": {"prometheus": HASH}}) as guarded, ExitStack() as stack:
        host, port = guarded.url.removeprefix("http://").split(":")
        for n in range(50):
            guess = base64.b64encode(f"prometheus:guess {n}".encode()).decode()
            raw = stack.enter_context(socket.create_connection((host, int(port)), timeout=5))
            raw.sendall(f"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic {guess}\r\n\r\n".encode())
        assert checks.begun.wait(20)
        stack.close()
        assert all(lost.acquire(timeout=20) for _ in range(50))
        checks.go_on.set()
        right = requests.get(f"{guarded.url}/metrics", auth=("prometheus", PASSWORD), timeout=15)
        assert right.status_code == 200
    assert len(checks.hashes) <= 1 + passwords.WORKERS


def test_right_password_while_a_hundred_clients_guess_is_accepted(authority: Authority) -> None:
    """All have the same address and the same user name, and guess from the start on."""
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(7)).decode()
    stop = threading.Event()
    with exporter(authority, {"basic_auth_users": {"prometheus": hashed}}) as guarded:

        def get(password: str) -> int:
            auth = ("prometheus", password)
            return requests.get(f"{guarded.url}/-/healthy", auth=auth, timeout=30).status_code

        def guess(client: int) -> None:
            guesses = count()
            while not stop.is_set():
                get(f"guess {client} {next(guesses)}")
                answered.release()

        answered = threading.Semaphore(0)
        clients = [threading.Thread(target=guess, args=(n,)) for n in range(100)]
        for client in clients:
            client.start()
        assert answered.acquire(timeout=20)
        assert [get(PASSWORD) for _ in range(3)] == [200] * 3
        stop.set()
        for client in clients:
            client.join(30)


def test_right_password_from_a_new_address_precedes_guesses_from_a_hundred_addresses(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[bytes] = []
    go_on = threading.Event()

    def check(password: bytes, _: bytes) -> bool:
        checked.append(password)
        assert go_on.wait(20)
        return password == b"right"

    monkeypatch.setattr(bcrypt, "checkpw", check)
    with exporter(authority, {"basic_auth_users": {"prometheus": HASH}}) as guarded, ExitStack() as stack:
        host, port = guarded.url.removeprefix("http://").split(":")

        def send(password: str, source: str) -> socket.socket:
            credential = base64.b64encode(f"prometheus:{password}".encode()).decode()
            address = (host, int(port))
            raw = stack.enter_context(
                socket.create_connection(address, timeout=20, source_address=(source, 0))
            )
            raw.sendall(
                f"GET /-/healthy HTTP/1.1\r\nHost: a\r\nAuthorization: Basic {credential}\r\n\r\n".encode()
            )
            return raw

        for n in range(100):
            send(f"guess {n}", f"127.0.1.{n + 1}")
        scraper = send("right", "127.0.2.1")
        assert requests.get(guarded.url, timeout=20).status_code == 401  # all before it have been read
        before = len(checked)
        go_on.set()
        assert scraper.recv(1000).startswith(b"HTTP/1.1 200 ")
    assert checked.index(b"right") - before <= 40


def test_authorization_header_that_is_not_text_is_rejected(authority: Authority) -> None:
    with exporter(authority, {"basic_auth_users": {"prometheus": HASH}}) as guarded:
        host, port = guarded.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=5) as raw:
            raw.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic \xe9\xff\r\n\r\n")
            assert raw.recv(100).startswith(b"HTTP/1.1 401 ")
