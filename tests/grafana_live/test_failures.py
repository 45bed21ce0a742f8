"""Test pushes to a Grafana that fails, is slow, restarts or changes its token."""

import time
from pathlib import Path

import pytest
import requests
from structlog.testing import capture_logs
from structlog.typing import EventDict

from harness.fake_grafana import FakeGrafana, fake_grafana
from harness.raw_server import Serve, answering, dripping, raw_server, silence
from tests.grafana_live.conftest import TOKEN, Start
from tests.grafana_live.test_pushes import CALLER, pushed, ring
from tests.support.running import Running, eventually

OTHER_TOKEN = "glsa_fedcba9876543210"
FAIL, RECOVERED = "pushes to Grafana Live fail, retrying", "pushes to Grafana Live work again"
SLOW = {
    "accepts connections and is silent": silence,
    "sends headers slowly": dripping(b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
    "sends a body slowly": dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x", pieces=100),
}


def about_grafana(lines: list[EventDict]) -> list[EventDict]:
    return [line for line in lines if "Grafana" in line["event"]]


def problem(lines: list[EventDict]) -> str:
    """Wait for the line that says why pushes fail, and return its text."""
    return eventually(lambda: next((str(line["problem"]) for line in lines if line["event"] == FAIL), ""))


def errors(exporter: Running) -> float:
    return exporter.scrape().number("aircall_grafana_live_pushes_total", result="error")


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (401, "answered 401: it rejects the token, check the file in grafana_live.token_file"),
        (403, "answered 403: the token's service account may not push, set its role to Editor"),
        (404, "answered 404: it has no Grafana Live at this address, check grafana_live.url"),
        (302, "answered 302: a redirect that is not followed, check grafana_live.url"),
        (500, "answered 500"),
    ],
)
def test_push_that_is_refused_is_logged_once_with_a_remedy_and_repeated(
    pushing_to: Start, grafana: FakeGrafana, logged: list[EventDict], status: int, text: str
) -> None:
    grafana.status = status
    with pushing_to(grafana.url) as exporter:
        eventually(lambda: len(grafana.refused) >= 2)
        assert problem(logged) == f"127.0.0.1:{grafana.port} {text}"
        eventually(lambda: errors(exporter) >= 2)
        ring(exporter)
        grafana.status = 200
        pushed(grafana, CALLER)
        eventually(lambda: len(about_grafana(logged)) >= 2)
        failed, recovered = about_grafana(logged)
        assert (failed["event"], recovered["event"]) == (FAIL, RECOVERED)
        assert recovered["failed"] >= 2


def test_pushes_to_a_grafana_that_fails_become_less_frequent(pushing_to: Start, grafana: FakeGrafana) -> None:
    grafana.status = 503
    with pushing_to(grafana.url) as exporter:
        ring(exporter)
        eventually(lambda: len(grafana.refused) >= 4)
        first, second, third, fourth = grafana.refused[:4]
        assert second - first >= 1
        assert third - second >= 2
        assert fourth - third >= 4


@pytest.mark.parametrize("serve", SLOW.values(), ids=SLOW)
def test_push_to_a_slow_grafana_ends_at_the_deadline_and_delays_no_poll_and_no_scrape(
    pushing_to: Start, logged: list[EventDict], serve: Serve
) -> None:
    with raw_server(serve) as server, pushing_to(server.url) as exporter:
        eventually(lambda: server.connections >= 1)
        scrapes = 0
        while not about_grafana(logged):  # the first push is under way
            exporter.scrape()
            scrapes += 1
        assert scrapes > 1, "a scrape that waited for the push would be the only one"
        exporter.until_ready()
        exporter.until_polled()
        assert problem(logged) == f"no complete answer from 127.0.0.1:{server.port} within 3s"
        assert exporter.scrape().value("aircall_up") == 1


def test_push_of_an_old_state_is_not_repeated_after_an_outage(
    pushing_to: Start, grafana: FakeGrafana
) -> None:
    grafana.status = 500
    with pushing_to(grafana.url) as exporter:
        eventually(lambda: grafana.refused)
        first = ring(exporter, "+33 1 11")
        eventually(lambda: exporter.service.latest.board.queue)
        exporter.account.miss(first, "short_abandoned", at=time.time())
        ring(exporter, "+33 2 22")
        eventually(lambda: [call.caller for call in exporter.service.latest.board.queue] == ["+33 2 22"])
        grafana.status = 200
        pushed(grafana, "+33 2 22")
        assert [push.callers for push in grafana.pushes if push.callers != ["+33 2 22"]] == []


def test_grafana_that_restarts_gets_the_current_state(
    pushing_to: Start, grafana: FakeGrafana, logged: list[EventDict]
) -> None:
    with pushing_to(grafana.url) as exporter:
        ring(exporter)
        pushed(grafana, CALLER)
        grafana.close()
        assert problem(logged) == f"no connection to 127.0.0.1:{grafana.port}: Connection refused"
        with fake_grafana(TOKEN, port=grafana.port) as restarted:
            pushed(restarted, CALLER)
        assert len([line for line in logged if line["event"] == FAIL]) == 1


def test_push_on_a_connection_that_turns_out_to_be_dead_is_repeated_on_another(
    pushing_to: Start, grafana: FakeGrafana
) -> None:
    grafana.drops = True
    with pushing_to(grafana.url) as exporter:
        ring(exporter)
        eventually(lambda: len([push for push in grafana.pushes if push.callers]) >= 3)
        assert errors(exporter) == 0
        assert len(grafana.connections) >= 3


def test_token_file_that_is_created_later_is_read_then(
    pushing_to: Start, grafana: FakeGrafana, logged: list[EventDict], token_file: Path
) -> None:
    token_file.unlink()
    with pushing_to(grafana.url) as exporter:
        reason = "cannot be read: No such file or directory"
        assert problem(logged) == f"grafana_live.token_file: found {token_file}, which {reason}"
        eventually(lambda: errors(exporter) >= 2)
        assert grafana.refused == []
        token_file.write_text(TOKEN)
        pushed(grafana)
        eventually(lambda: about_grafana(logged)[-1]["event"] == RECOVERED)
        assert len(about_grafana(logged)) == 2


@pytest.mark.parametrize(
    ("content", "text"), [("", "is empty"), ('"glsa_1"', "has quotes"), ("a b", "holds a space")]
)
def test_token_file_without_a_valid_token_is_logged_and_nothing_is_sent(
    pushing_to: Start, grafana: FakeGrafana, token_file: Path, content: str, text: str
) -> None:
    token_file.write_text(content)
    with capture_logs() as logged, pushing_to(grafana.url):
        assert problem(logged).startswith(f"grafana_live.token_file: found {token_file}, which {text}")
        assert (grafana.refused, grafana.pushes) == ([], [])


def test_token_that_is_replaced_is_used_without_a_reload(
    pushing_to: Start, grafana: FakeGrafana, token_file: Path
) -> None:
    with pushing_to(grafana.url) as exporter:
        ring(exporter)
        pushed(grafana, CALLER)
        grafana.tokens = {OTHER_TOKEN}
        eventually(lambda: grafana.refused)
        token_file.write_text(OTHER_TOKEN)
        before = len(grafana.pushes)
        eventually(lambda: len(grafana.pushes) > before + 1)


def test_token_is_in_no_log_line_no_metric_and_no_page(
    pushing_to: Start, logged: list[EventDict], token_file: Path
) -> None:
    """Grafana sends the token back in its answers."""
    echo = f"HTTP/1.1 500 {TOKEN}\r\nX-Token: {TOKEN}\r\nContent-Length: 20\r\n\r\n{TOKEN:20}".encode()
    with raw_server(answering(echo)) as server, pushing_to(server.url) as exporter:
        eventually(lambda: errors(exporter) >= 2)
        pages = [_page(exporter, path) for path in ("/", "/metrics", "/-/healthy", "/-/ready")]
        assert TOKEN not in "".join(pages)
    assert about_grafana(logged)
    assert TOKEN not in repr(logged)


def _page(exporter: Running, path: str) -> str:
    return requests.get(exporter.url + path, timeout=10).text
