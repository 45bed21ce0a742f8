"""Files of --web.config.file."""

import threading

import bcrypt
import pytest
from hypothesis import strategies as st

from exporter.web import config
from tests.support.authority import HASH, USER

OTHER = bcrypt.hashpw(b"battery staple", bcrypt.gensalt(4)).decode()


TWO = {"basic_auth_users": {USER[0]: HASH, "admin": OTHER}}


FREE_HEADERS = st.sampled_from([name for name, values in config.HEADERS.items() if not values])


HEADERS = {
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Frame-Options": "deny",
    "X-Content-Type-Options": "nosniff",
    "X-XSS-Protection": "1; mode=block",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
}


class Checks:
    """A replacement of bcrypt's check that stores the hashes, and waits until `go_on` is set."""

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
