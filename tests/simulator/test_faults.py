"""Misbehaviour on demand, as a client sees it."""

import threading
import time

import pytest
import requests

from exporter.simulator.faults import (
    Fault,
    Hang,
    answer,
    close_connection,
    cut_off,
    drip,
    edited,
    malformed,
    padded,
    reset,
)
from exporter.simulator.server import SimulatedAircall


def on_teams(path):
    return path == "/v1/teams"


def test_a_fault_concerns_only_what_it_matches_and_only_while_it_is_there(aircall, client):
    aircall.faults.append(Fault(on_teams, answer(500, b"oops")))
    assert (client.get("/v1/teams").status_code, client.get("/v1/numbers").status_code) == (500, 200)
    aircall.faults.clear()
    assert client.get("/v1/teams").status_code == 200
    assert [request.status for request in aircall.requests] == [500, 200, 200]


def test_a_web_page_instead_of_json(aircall, client):
    aircall.faults.append(Fault(on_teams, answer(200, b"<html>Maintenance</html>", "text/html")))
    page = client.get("/v1/teams")
    assert (page.status_code, page.text) == (200, "<html>Maintenance</html>")


def test_a_redirect(aircall, client):
    aircall.faults.append(Fault(on_teams, answer(302, location="http://localhost:9/")))
    page = client.get("/v1/teams", allow_redirects=False)
    assert (page.status_code, page.headers["Location"]) == (302, "http://localhost:9/")


def test_cut_off_json(aircall, client):
    whole = client.get("/v1/teams").text
    aircall.faults.append(Fault(on_teams, cut_off))
    page = client.get("/v1/teams")
    assert page.status_code == 200
    assert 0 < len(page.content) < len(whole.encode())
    assert whole.startswith(page.text)


def test_a_closed_connection(aircall, client):
    aircall.faults.append(Fault(on_teams, close_connection))
    with pytest.raises(requests.ConnectionError):
        client.get("/v1/teams")
    assert client.get("/v1/numbers").status_code == 200


def test_a_reset_in_the_middle_of_an_answer(aircall, client):
    whole = client.get("/v1/teams").content
    aircall.faults.append(Fault(on_teams, reset))
    page = client.get("/v1/teams", stream=True)
    assert int(page.headers["Content-Length"]) == len(whole)
    received = b""
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="reset by peer"):
        for piece in page.iter_content(1):
            received += piece
    assert received == whole[: len(whole) // 2]


def test_an_answer_that_drips(aircall, client):
    whole = client.get("/v1/teams").content
    aircall.faults.append(Fault(on_teams, drip))
    with client.get("/v1/teams", stream=True) as page:
        assert page.raw.read1(100) == whole[:1]
    assert client.get("/v1/numbers").status_code == 200


def test_a_large_answer(aircall, client):
    whole = client.get("/v1/teams").json()
    aircall.faults.append(Fault(on_teams, padded(1_000_000)))
    page = client.get("/v1/teams")
    assert (len(page.content), page.json()) == (1_000_000, whole)


def test_malformed_objects_in_a_page(aircall, client):
    aircall.faults.append(Fault(on_teams, malformed(None, 7, {"name": "no id"})))
    teams = client.get("/v1/teams").json()["teams"]
    assert teams[:3] == [None, 7, {"name": "no id"}]
    assert len(teams) == 7


def test_anything_else_about_an_answer(aircall, client):
    aircall.faults.append(Fault(on_teams, edited(lambda page: page["meta"].update(next_page_link="ftp://"))))
    assert client.get("/v1/teams").json()["meta"]["next_page_link"] == "ftp://"


def test_a_hanging_request_holds_up_nobody_and_can_be_released(aircall, client):
    hang = Hang()
    aircall.faults.append(Fault(on_teams, hang))
    answers = []
    asking = threading.Thread(target=lambda: answers.append(client.get("/v1/teams")))
    asking.start()
    assert hang.reached.wait(5)
    with requests.Session() as another:
        another.auth = (aircall.api_id, aircall.api_token)
        assert another.get(aircall.base_url + "/v1/ping", timeout=5).status_code == 200
    assert not answers
    assert [request.status for request in aircall.requests] == [None, 200]
    hang.released.set()
    asking.join(5)
    assert answers[0].status_code == 200


def test_leaving_does_not_wait_for_a_hanging_request(account, clock):
    hang = Hang()
    failed = threading.Event()

    def ask(url):
        try:
            requests.get(url, auth=("demo", "demo-token"), timeout=10)
        except requests.ConnectionError:
            failed.set()

    with SimulatedAircall(account, clock, faults=[Fault(on_teams, hang)]) as aircall:
        asking = threading.Thread(target=ask, args=(aircall.base_url + "/v1/teams",))
        asking.start()
        assert hang.reached.wait(5)
        leaving = time.monotonic()
    assert time.monotonic() - leaving < 2
    assert failed.wait(5)
    asking.join(5)


def test_it_can_go_away_and_come_back_at_the_same_address(account, clock):
    key = ("demo", "demo-token")
    with SimulatedAircall(account, clock) as aircall:
        url = aircall.base_url + "/v1/ping"
        assert requests.get(url, auth=key, timeout=5).status_code == 200
    with pytest.raises(requests.ConnectionError):
        requests.get(url, auth=key, timeout=5)
    with SimulatedAircall(account, clock, port=int(url.split(":")[2].split("/")[0])):
        assert requests.get(url, auth=key, timeout=5).status_code == 200
