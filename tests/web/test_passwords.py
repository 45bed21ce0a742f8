"""Passwords, as every exporter asks for them."""

import base64
import socket
import threading

import bcrypt
import pytest
import requests

from exporter.web import door
from tests.running import eventually
from tests.web.authority import HASH, PASSWORD, Authority, exporter


def test_passwords(authority: Authority) -> None:
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


class Checks:
    """Stands in for bcrypt's check: says what was checked, and waits where it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.hashes: list[str] = []
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()
        self._check = bcrypt.checkpw
        monkeypatch.setattr(bcrypt, "checkpw", self)

    def __call__(self, password: bytes, hashed: bytes) -> bool:
        self.hashes.append(hashed.decode())
        self.begun.set()
        assert self.go_on.wait(20)
        return self._check(password, hashed)


def test_a_password_is_checked_once_and_an_unknown_user_takes_as_long_as_any(
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


def test_guessing_does_not_hold_up_a_scrape(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = Checks(monkeypatch)
    with exporter(authority, {"basic_auth_users": {"prometheus": HASH}}) as guarded:

        def get(password: str) -> int:
            return requests.get(
                f"{guarded.url}/metrics", auth=("prometheus", password), timeout=15
            ).status_code

        assert get(PASSWORD) == 200
        checks.begun.clear()
        checks.go_on.clear()
        guesses = [threading.Thread(target=get, args=("guess",)) for _ in range(60)]
        for guess in guesses:
            guess.start()
        assert checks.begun.wait(5)
        assert get(PASSWORD) == 200
        checks.go_on.set()
        for guess in guesses:
            guess.join(15)
        assert len(checks.hashes) == 61


def test_who_guesses_and_hangs_up_leaves_no_heap_behind(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "MOST_WAITING", 5)
    checks = Checks(monkeypatch)
    checks.go_on.clear()
    guess = f"Basic {base64.b64encode(b'prometheus:guess').decode()}"
    with exporter(authority, {"basic_auth_users": {"prometheus": HASH}}) as guarded:

        def status() -> int:
            return requests.get(
                f"{guarded.url}/metrics", auth=("prometheus", PASSWORD), timeout=15
            ).status_code

        host, port = guarded.url.removeprefix("http://").split(":")
        for _ in range(5):
            with socket.create_connection((host, int(port)), timeout=5) as raw:
                raw.sendall(f"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: {guess}\r\n\r\n".encode())
        eventually(lambda: status() == 503)
        checks.go_on.set()
        eventually(lambda: status() == 200)
    assert len(checks.hashes) == 6


def test_a_header_that_is_not_text_is_refused_like_any(authority: Authority) -> None:
    with exporter(authority, {"basic_auth_users": {"prometheus": HASH}}) as guarded:
        host, port = guarded.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=5) as raw:
            raw.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic \xe9\xff\r\n\r\n")
            assert raw.recv(100).startswith(b"HTTP/1.1 401 ")
