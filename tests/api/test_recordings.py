"""Test the permanent links to recordings and voicemails."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from exporter.api.recordings import is_web_address
from exporter.runtime import client_requests
from exporter.simulator.faults import Fault, Hang
from exporter.simulator.models import SimulatedCall
from exporter.simulator.simulation import SimulatedAccount
from tests.support.running import Running, eventually, running


@pytest.fixture(scope="module")
def exporter() -> Iterator[Running]:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=time.time())
    with running(account, served={"rate_limit": 600}, api=True) as exporter:
        exporter.until_ready()
        yield exporter


def recorded_call(exporter: Running, age: float) -> SimulatedCall:
    account = exporter.account
    number, user = next((number.id, min(number.user_ids)) for number in account.numbers.values())
    call = account.ring_in(number, "+33 1 11 11 11 11", at=time.time() - age)
    account.answer(call.id, user, at=call.started_at + 5)
    account.hang_up(call.id, at=call.started_at + 30)
    call.recorded = True
    return call


def listen(exporter: Running, call_id: int | str, asset: str = "recording") -> requests.Response:
    address = f"{exporter.url}/api/v1/calls/{call_id}/{asset}"
    return requests.get(address, allow_redirects=False, timeout=30)


def test_recording_of_an_old_call_redirects_to_a_fresh_link(exporter: Running) -> None:
    call = recorded_call(exporter, age=90 * 86_400)
    answer = listen(exporter, call.id)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (302, "no-store")
    link = urlsplit(answer.headers["Location"])
    assert link.path.endswith(f"/{call.id}/recording.mp3")
    assert int(parse_qs(link.query)["Expires"][0]) > time.time() + 3000


def test_asset_that_does_not_exist_returns_404_with_the_reason(exporter: Running) -> None:
    call = recorded_call(exporter, age=3600)
    for call_id, asset, problem in (
        (call.id, "voicemail", f"call {call.id} has no voicemail"),
        (10**18 - 1, "recording", f"call {10**18 - 1} has no recording"),
        (2**63, "recording", f'found "{2**63}", expected a call\'s id'),
        (2**80, "recording", f'found "{2**80}", expected a call\'s id'),
        (10**3000, "recording", f"found \"1{'0' * 55}..., expected a call's id"),
        ("%E2%91%A0", "recording", 'found "①", expected a call\'s id'),
        (call.id, "notes", 'found "notes", expected recording or voicemail'),
    ):
        answer = listen(exporter, call_id, asset)
        assert (answer.status_code, answer.json()) == (404, {"error": problem})
    for call_id, asset in ((-1, "recording"), (call.id, "..%2f..%2f..%2fping")):
        assert listen(exporter, call_id, asset).status_code == 404
    assert all(request.path.startswith(("/v1/", "/v2/")) for request in exporter.aircall.requests)


def test_recording_sends_one_request_and_spends_it_from_the_budget(exporter: Running) -> None:
    call = recorded_call(exporter, age=3600)
    sent = len(exporter.aircall.requests)
    assert listen(exporter, call.id).status_code == 302
    paths = [request.path for request in list(exporter.aircall.requests)[sent:]]
    assert paths.count(f"/v1/calls/{call.id}") == 1
    eventually(lambda: exporter.service._poller.budget.spent == len(exporter.aircall.requests))


def test_recordings_while_aircall_hangs_return_503_or_504(
    exporter: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_requests, "TIMEOUT_S", 2.0)
    call, hang = recorded_call(exporter, age=3600), Hang()
    exporter.aircall.faults.append(Fault(lambda path: path == f"/v1/calls/{call.id}", hang))
    try:
        with ThreadPoolExecutor(12) as clients:
            codes = sorted(clients.map(lambda _: listen(exporter, call.id).status_code, range(12)))
        assert codes == [503] * 7 + [504] * 5
    finally:
        exporter.aircall.faults.clear()
        hang.released.set()
    eventually(lambda: listen(exporter, call.id).status_code == 302, within=60)


def test_recording_without_the_api_enabled_returns_403(exporter: Running) -> None:
    with running(exporter.account, served={"rate_limit": 600}) as other:
        assert listen(other, 1).status_code == 403


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "data:text/html,x", "//host/x", "https://", "http://[", "https://a\r\nb"]
)
def test_leads_to_the_web_for_an_unsafe_link_is_false(link: str) -> None:
    assert not is_web_address(link)
    assert is_web_address("https://assets.aircall.io/calls/1/recording?Expires=1")
