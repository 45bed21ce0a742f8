"""Tests of the faults of the simulated API, as a client sees them."""

import threading

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


def test_fault_while_present_affects_matching_requests_only(aircall, client):
    aircall.faults.append(Fault(on_teams, answer(500, b"oops")))
    assert (client.get("/v1/teams").status_code, client.get("/v1/numbers").status_code) == (500, 200)
    aircall.faults.clear()
    assert client.get("/v1/teams").status_code == 200
    assert [request.status for request in aircall.requests] == [500, 200, 200]


def test_fault_answer_with_a_web_page_returns_it(aircall, client):
    aircall.faults.append(Fault(on_teams, answer(200, b"<html>Maintenance</html>", "text/html")))
    page = client.get("/v1/teams")
    assert (page.status_code, page.text) == (200, "<html>Maintenance</html>")


def test_fault_answer_with_a_redirect_returns_its_location(aircall, client):
    aircall.faults.append(Fault(on_teams, answer(302, location="http://localhost:9/")))
    page = client.get("/v1/teams", allow_redirects=False)
    assert (page.status_code, page.headers["Location"]) == (302, "http://localhost:9/")


def test_fault_cut_off_returns_a_part_of_the_json(aircall, client):
    whole = client.get("/v1/teams").text
    aircall.faults.append(Fault(on_teams, cut_off))
    page = client.get("/v1/teams")
    assert page.status_code == 200
    assert 0 < len(page.content) < len(whole.encode())
    assert whole.startswith(page.text)


def test_fault_close_connection_fails_matching_requests_only(aircall, client):
    aircall.faults.append(Fault(on_teams, close_connection))
    with pytest.raises(requests.ConnectionError):
        client.get("/v1/teams")
    assert client.get("/v1/numbers").status_code == 200


def test_fault_reset_breaks_off_in_the_middle_of_the_response(aircall, client):
    whole = client.get("/v1/teams").content
    aircall.faults.append(Fault(on_teams, reset))
    page = client.get("/v1/teams", stream=True)
    assert int(page.headers["Content-Length"]) == len(whole)
    received = b""
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="reset by peer"):
        for piece in page.iter_content(1):
            received += piece
    assert received == whole[: len(whole) // 2]


def test_fault_drip_sends_the_response_byte_by_byte(aircall, client):
    whole = client.get("/v1/teams").content
    aircall.faults.append(Fault(on_teams, drip))
    with client.get("/v1/teams", stream=True) as page:
        assert page.raw.read1(100) == whole[:1]
    assert client.get("/v1/numbers").status_code == 200


def test_fault_padded_returns_a_response_of_that_size(aircall, client):
    whole = client.get("/v1/teams").json()
    aircall.faults.append(Fault(on_teams, padded(1_000_000)))
    page = client.get("/v1/teams")
    assert (len(page.content), page.json()) == (1_000_000, whole)


def test_fault_malformed_adds_objects_to_the_page(aircall, client):
    aircall.faults.append(Fault(on_teams, malformed(None, 7, {"name": "no id"})))
    teams = client.get("/v1/teams").json()["teams"]
    assert teams[:3] == [None, 7, {"name": "no id"}]
    assert len(teams) == 7


def test_fault_edited_changes_the_response(aircall, client):
    aircall.faults.append(Fault(on_teams, edited(lambda page: page["meta"].update(next_page_link="ftp://"))))
    assert client.get("/v1/teams").json()["meta"]["next_page_link"] == "ftp://"


def test_fault_hang_delays_no_other_request_and_can_be_released(aircall, client):
    hang = Hang()
    aircall.faults.append(Fault(on_teams, hang))
    answers = []
    client_thread = threading.Thread(target=lambda: answers.append(client.get("/v1/teams")))
    client_thread.start()
    assert hang.reached.wait(60)
    with requests.Session() as another:
        another.auth = (aircall.api_id, aircall.api_token)
        assert another.get(aircall.base_url + "/v1/ping", timeout=5).status_code == 200
    assert not answers
    assert [request.status for request in aircall.requests] == [None, 200]
    hang.released.set()
    client_thread.join(60)
    assert answers[0].status_code == 200


def test_server_stopped_during_a_hanging_request_does_not_wait_for_it(account, clock):
    hang, failed = Hang(), threading.Event()

    def send(url):
        try:
            requests.get(url, auth=("demo", "demo-token"), timeout=60)
        except requests.ConnectionError:
            failed.set()

    def serve():
        with SimulatedAircall(account, clock, faults=[Fault(on_teams, hang)]) as aircall:
            threading.Thread(target=send, args=(aircall.base_url + "/v1/teams",), daemon=True).start()
            assert hang.reached.wait(60)
        stopped.set()

    stopped = threading.Event()
    threading.Thread(target=serve, daemon=True).start()
    assert stopped.wait(60)
    assert failed.wait(60)


def test_server_restarted_on_the_same_port_answers_again(account, clock):
    key = ("demo", "demo-token")
    with SimulatedAircall(account, clock) as aircall:
        url = aircall.base_url + "/v1/ping"
        assert requests.get(url, auth=key, timeout=5).status_code == 200
    with pytest.raises(requests.ConnectionError):
        requests.get(url, auth=key, timeout=5)
    with SimulatedAircall(account, clock, port=int(url.split(":")[2].split("/")[0])):
        assert requests.get(url, auth=key, timeout=5).status_code == 200
