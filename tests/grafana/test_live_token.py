"""Test grafana/live-token.sh, which creates the exporter's token, against an API like Grafana's."""

import base64
import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support.stack import ROOT

PASSWORD = "a+b/c:d="


class ServiceAccounts:
    """The part of Grafana's API that the script uses. `accounts` are names, and `tokens` by account id."""

    def __init__(self) -> None:
        self.accounts: list[str] = []
        self.tokens: dict[int, list[str]] = {}
        self.roles: list[str] = []
        self.unhealthy = 0
        """How many health checks fail first."""
        self.requests: list[str] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer(*(api.get(self.path) if self.allowed else (401, {})))

            def do_POST(self) -> None:
                content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.answer(*(api.post(self.path, content) if self.allowed else (401, {})))

            @property
            def allowed(self) -> bool:
                login = f"Basic {base64.b64encode(f'admin:{PASSWORD}'.encode()).decode()}"
                return self.path == "/api/health" or self.headers["Authorization"] == login

            def answer(self, status: int, content: object) -> None:
                api.requests.append(f"{self.command} {self.path}")
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(content, separators=(",", ":")).encode())

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def get(self, path: str) -> tuple[int, object]:
        if path == "/api/health":
            self.unhealthy -= 1
            return (503 if self.unhealthy >= 0 else 200), {}
        if path == "/api/org":
            return 200, {}
        if path == "/api/serviceaccounts/search?query=aircall-exporter":
            found = [self.account(id_) for id_, name in enumerate(self.accounts) if "aircall" in name]
            return 200, {"totalCount": len(found), "serviceAccounts": found, "page": 1, "perPage": 1000}
        return 404, {}

    def post(self, path: str, content: dict[str, str]) -> tuple[int, object]:
        if path == "/api/serviceaccounts":
            if content["name"] in self.accounts:
                return 400, {"message": "service account already exists"}
            self.accounts.append(content["name"])
            self.roles.append(content["role"])
            return 201, self.account(len(self.accounts) - 1)
        id_ = int(path.removeprefix("/api/serviceaccounts/").removesuffix("/tokens"))
        key = f"glsa_{id_}_{len(self.tokens)}"
        self.tokens.setdefault(id_, []).append(key)
        return 200, {"id": 7, "name": content["name"], "key": key}

    def account(self, id_: int) -> dict[str, object]:
        name = self.accounts[id_]
        return {"id": id_, "uid": f"u{id_}", "name": name, "login": f"sa-1-{name}", "orgId": 1, "tokens": 0}


@pytest.fixture
def grafana() -> Iterator[ServiceAccounts]:
    grafana = ServiceAccounts()
    yield grafana
    grafana.server.shutdown()
    grafana.server.server_close()


class Container:
    """The directories of Grafana's container, in which the script runs."""

    def __init__(self, directory: Path, grafana: ServiceAccounts) -> None:
        self.data, self.shared = directory / "data", directory / "shared"
        self.data.mkdir()
        self.shared.mkdir()
        script = (ROOT / "grafana" / "live-token.sh").read_text(encoding="utf-8")
        for text, instead in (
            ("/var/lib/grafana", str(self.data)),
            ("/run/grafana-live", str(self.shared)),
            ("http://localhost:3000", grafana.url),
        ):
            assert text in script
            script = script.replace(text, instead)
        self.script = script

    def start(self, password: str = PASSWORD) -> str:
        """Run the script, and return what it writes to the log."""
        done = subprocess.run(
            ["sh", "-c", self.script],
            env={"PATH": "/usr/bin:/bin", "GF_SECURITY_ADMIN_PASSWORD": password},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.stdout == ""
        return done.stderr

    @property
    def token(self) -> str:
        return (self.shared / "token").read_text().strip()


@pytest.fixture
def container(tmp_path: Path, grafana: ServiceAccounts) -> Container:
    return Container(tmp_path, grafana)


def test_first_start_creates_a_token_once_grafana_is_healthy(
    container: Container, grafana: ServiceAccounts
) -> None:
    grafana.accounts, grafana.unhealthy = ["another"], 1
    assert container.start() == ""
    assert (grafana.accounts, grafana.roles) == (["another", "aircall-exporter"], ["Editor"])
    assert grafana.tokens == {1: [container.token]}
    assert (container.shared / "token").stat().st_mode & 0o777 == 0o644
    assert (container.data / "grafana-live-token").stat().st_mode & 0o777 == 0o600


def test_restart_with_another_password_keeps_the_token_and_creates_no_other(
    container: Container, grafana: ServiceAccounts
) -> None:
    container.start()
    before = container.token
    (container.shared / "token").unlink()
    assert container.start("a generated password") == ""
    assert container.token == before
    assert grafana.tokens == {0: [before]}
    assert grafana.requests[-1] == "GET /api/health"


def test_start_with_an_account_but_without_its_token_uses_this_account(
    container: Container, grafana: ServiceAccounts
) -> None:
    grafana.accounts = ["aircall-exporter-of-others", "aircall-exporter", "my-aircall-exporter"]
    assert container.start() == ""
    assert len(grafana.accounts) == 3
    assert grafana.tokens == {1: [container.token]}


def test_start_without_the_password_says_what_to_read_and_leaves_no_file(
    container: Container, grafana: ServiceAccounts
) -> None:
    assert container.start("wrong") == "live-token.sh: no token for Grafana Live, see docs/grafana-live.md\n"
    assert list(container.shared.iterdir()) == []
    assert grafana.requests == ["GET /api/health", "GET /api/org"], "one failed login"
    assert container.start() == ""
    assert grafana.tokens == {0: [container.token]}
