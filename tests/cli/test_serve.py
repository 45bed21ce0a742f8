"""Test signals while requests are pending: they are answered, and no error is logged."""

import base64
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from exporter.simulator.faults import Fault, Hang
from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from exporter.web.listeners import bind
from exporter.web.server import WebServer
from harness.process import credential, process
from tests.support.authority import HASH, USER, written
from tests.support.running import eventually

STOPPING = (503, "The exporter is stopping and has not finished this request.\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_while_requests_are_pending_answers_them_and_logs_no_error(
    number: signal.Signals, tmp_path: Path
) -> None:
    costly = HASH.replace("$04$", "$13$")
    web = written(tmp_path, {"basic_auth_users": {USER[0]: HASH, "costly": costly}})
    (tmp_path / "aircall.yml").write_text("webhook: {token: token}")
    flags = [
        f"--web.config.file={web}",
        f"--config.file={tmp_path}/aircall.yml",
        f"--storage.path={tmp_path}",
        "--web.enable-api",
        "--web.enable-admin-api",
    ]
    account, hang = SimulatedAccount(users=6, calls_per_hour=0, start=time.time()), Hang()
    with (
        SimulatedAircall(account) as aircall,
        process(*flags, **credential(aircall)) as exporter,
        ThreadPoolExecutor() as clients,
        ExitStack() as stack,
    ):
        stack.callback(hang.released.set)
        url = exporter.url
        eventually(lambda: requests.get(f"{url}/-/ready", auth=USER, timeout=5).status_code == 200)
        aircall.faults.append(Fault(lambda path: "/calls/" in path or "/users/" in path, hang))
        user = next(iter(account.users))

        def answered(send: Callable[..., requests.Response], path: str, **options: object) -> tuple[int, str]:
            answer = send(f"{url}{path}", timeout=20, **options)
            return answer.status_code, answer.text

        change = {"availability": "unavailable"}
        switch = f"/api/v1/users/{user}/availability"
        pending = [
            clients.submit(answered, requests.get, "/api/v1/calls/7/recording", auth=USER),
            clients.submit(answered, requests.get, "/api/v1/calls/7/voicemail", auth=USER),
            clients.submit(answered, requests.post, switch, auth=USER, json=change),
            *(clients.submit(answered, requests.get, "/metrics", auth=("costly", str(n))) for n in range(3)),
        ]
        host, port = url.removeprefix("http://").split(":")
        password = base64.b64encode(":".join(USER).encode()).decode()
        for unfinished in (
            "",
            "GET /metrics HTTP/1.1\r\n",
            "POST /webhook HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{",
            f"GET /metrics HTTP/1.1\r\nHost: a\r\nAuthorization: Basic {password}\r\n\r\n" * 200,
        ):
            client = stack.enter_context(socket.create_connection((host, int(port)), timeout=10))
            client.sendall(unfinished.encode())
        assert hang.reached.wait(10)
        exporter.process.send_signal(number)
        assert exporter.process.wait(10) == 0
        answers = [each.result() for each in pending]
        assert set(answers) <= {STOPPING, (401, "Unauthorized\n")}
        assert answers[:3] == [STOPPING] * 3
        exporter.logged("stopping")
        assert not [line for line in exporter.lines if "level=error" in line or "Traceback" in line]


def test_stop_while_a_response_is_sent_closes_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    async def endless(_: Request) -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 100_000

        return StreamingResponse(pieces())

    server = WebServer(Starlette(routes=[Route("/", endless)]), [bind("127.0.0.1:0")])
    server.start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200")
        server.stop()
        assert not server.running
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
