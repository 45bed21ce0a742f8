"""Switching users over HTTP: by whom, from where, and what becomes of it."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
import requests
from structlog.testing import capture_logs

from exporter.config.settings import Refresh
from exporter.durations import Duration
from exporter.runtime import client_requests
from exporter.simulator.faults import Fault, Hang, answer
from exporter.simulator.models import SimulatedUser
from exporter.web.config_reloader import WebConfigReloader
from harness.process import credential, process
from tests.support.authority import HASH, PASSWORD, USER, Authority, exporter, with_password, written
from tests.support.running import Running, eventually, running

USERS = {"basic_auth_users": {USER[0]: HASH, "other": HASH}}
RARELY = Refresh(availabilities=Duration(3600))
FAST = {"rate_limit": 600}
CROSS_SITE = {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}


@pytest.fixture(scope="module")
def desk(authority: Authority) -> Iterator[Running]:
    """Run an exporter that fetches availabilities once, and later only if there is a reason."""
    with exporter(authority, USERS, served=FAST, admin=True, public_metrics=True, refresh=RARELY) as desk:
        desk.until_ready()
        yield desk


@pytest.fixture
def user(desk: Running) -> Iterator[SimulatedUser]:
    user = desk.account.users[456_003]
    user.name = "Ada <b>Lovelace</b>"
    user.availability_status = "available"
    desk.account.switch(user.id, "available")
    desk.aircall.requests.clear()
    yield user
    desk.aircall.faults.clear()


def post(desk: Running, wish: object, user_id: object = 456_003, **client: object) -> requests.Response:
    address = f"{desk.url}/api/v1/users/{user_id}/availability"
    return requests.post(address, timeout=30, **{"json": wish, "auth": USER} | client)


def wished(availability: str) -> dict[str, str]:
    return {"availability": availability}


def changes(desk: Running) -> list[str]:
    return [request.path for request in list(desk.aircall.requests) if request.method == "PUT"]


def test_a_switch_is_on_the_board_at_once_and_in_the_log(desk: Running, user: SimulatedUser) -> None:
    for wish, status, state in (
        ("unavailable", "unavailable", "do_not_disturb"),
        ("toggle", "available", "available"),
        ("toggle", "unavailable", "do_not_disturb"),
        ("available", "available", "available"),
    ):
        before = user.availability_status
        with capture_logs() as logs:
            answer = post(desk, wished(wish))
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
        told = {"id": user.id, "name": answer.json()["name"], "availability": status, "before": before}
        assert answer.json() == told
        assert user.availability_status == status
        (logged,) = [line for line in logs if line["event"] == "a user is switched"]
        assert (logged["who"], logged["user_id"]) == (USER[0], user.id)
        assert (logged["before"], logged["now"]) == (before, status)
        eventually(lambda state=state: state_on_board(desk, user) == state, within=2)  # type: ignore[misc]


def state_on_board(desk: Running, user: SimulatedUser) -> str:
    states = desk.scrape().all("aircall_user_availability", user_id=user.id)
    (state,) = {dict(labels)["state"] for labels, value in states.items() if value == 1}
    return state


def test_it_takes_three_requests_of_the_budget(desk: Running, user: SimulatedUser) -> None:
    assert post(desk, wished("toggle")).status_code == 200
    mine = [(each.method, each.path) for each in desk.aircall.requests if str(user.id) in each.path]
    path = f"users/{user.id}"
    assert mine == [("GET", f"/v2/{path}"), ("PUT", f"/v2/{path}"), ("GET", f"/v1/{path}/availability")]
    desk.aircall.requests.clear()
    assert post(desk, wished("unavailable")).json()["before"] == "unavailable"
    assert changes(desk) == []


def test_who_cannot_be_switched(desk: Running, user: SimulatedUser) -> None:
    user.availability_status = "custom"
    for wish in ("toggle", "available", "unavailable"):
        refused = post(desk, wished(wish))
        assert refused.status_code == 409
        assert "is on Auto" in refused.json()["error"]
    nobody = post(desk, wished("available"), user_id=1)
    assert (nobody.status_code, nobody.json()) == (404, {"error": "Aircall has no user 1"})
    for user_id in (10**19, "9" * 5000, "-1", "x"):
        assert post(desk, wished("available"), user_id=user_id).status_code in (404, 405)
        assert requests.get(f"{desk.url}/users/{user_id}", auth=USER, timeout=10).status_code == 404
    assert changes(desk) == []


@pytest.mark.parametrize("wish", [{}, [], "available", wished("asleep"), wished("available") | {"x": 1}])
def test_what_is_no_wish_is_refused(desk: Running, user: SimulatedUser, wish: object) -> None:
    refused = post(desk, wish)
    assert (refused.status_code, "wanted" in refused.json()["error"]) == (400, True)
    assert changes(desk) == []


def test_what_a_foreign_page_could_send_is_refused(desk: Running, user: SimulatedUser) -> None:
    for headers in CROSS_SITE:
        assert post(desk, wished("toggle"), headers=headers).status_code == 403
    for sent in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        as_form = {"json": None, "data": '{"availability": "toggle"}', "headers": {"Content-Type": sent}}
        assert post(desk, None, **as_form).status_code == 415
    assert post(desk, wished("x" * 5000)).status_code == 413
    assert changes(desk) == []


def test_without_a_credential_nothing_happens(desk: Running, user: SimulatedUser, tmp_path: Path) -> None:
    page = f"{desk.url}/users/{user.id}"
    for auth in (None, (USER[0], "wrong"), ("nobody", PASSWORD)):
        assert post(desk, wished("toggle"), auth=auth).status_code == 401
        assert requests.get(page, auth=auth, timeout=10).status_code == 401
        assert requests.post(page, auth=auth, data=wished("unavailable"), timeout=10).status_code == 401
    password = WebConfigReloader(written(tmp_path, USERS))
    with running(desk.account, admin=True) as open_to_all, running(desk.account, web=password) as disabled:
        for other, words in ((open_to_all, "needs a password"), (disabled, "--web.enable-admin-api")):
            for auth in (None, USER):
                for answered in (
                    post(other, wished("toggle"), auth=auth),
                    requests.get(f"{other.url}/users/{user.id}", auth=auth, timeout=10),
                    requests.post(f"{other.url}/users/{user.id}", auth=auth, timeout=10),
                ):
                    if answered.status_code != 401:
                        assert (answered.status_code, words in answered.text) == (403, True)
            assert changes(other) == []
    assert changes(desk) == []


def test_what_aircall_refuses_is_told_and_not_tried_again(desk: Running, user: SimulatedUser) -> None:
    desk.aircall.faults.append(Fault(lambda path: "/v2/users/4" in path and bool(changes(desk)), answer(500)))
    with capture_logs() as logs:
        refused = post(desk, wished("toggle"))
    problem = f"Aircall cannot be asked now: /v2/users/{user.id}: answered 500"
    assert (refused.status_code, refused.json()) == (502, {"error": problem})
    (logged,) = [line for line in logs if line["event"] == "a user is not switched"]
    assert (logged["who"], logged["wanted"], logged["why"]) == (USER[0], "toggle", problem)
    assert len(changes(desk)) == 1
    assert "aircall_up 1" in requests.get(f"{desk.url}/metrics", timeout=10).text


def test_for_who_has_stopped_waiting_nobody_is_switched(
    desk: Running, user: SimulatedUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_requests, "TIMEOUT_S", 0.5)
    hang = Hang()
    desk.aircall.faults.append(Fault(lambda path: path == f"/v2/users/{user.id}", hang))
    try:
        late = post(desk, wished("toggle"))
        assert (late.status_code, "check whether" in late.json()["error"]) == (504, True)
    finally:
        desk.aircall.faults.clear()
        hang.released.set()
    now = desk.service.clock()
    eventually(lambda: (desk.service.latest.status.datasets["calls"].as_of or 0) > now)
    assert changes(desk) == []
    assert post(desk, wished("toggle")).status_code == 200


def form(page: requests.Response) -> dict[str, str]:
    token = re.search(r'name="token" value="([0-9a-f]+)"', page.text)
    assert token
    return {"token": token[1]}


def test_a_page_asks_before_it_switches(desk: Running, user: SimulatedUser) -> None:
    address = f"{desk.url}/users/{user.id}"
    for wish in ("unavailable", "available"):
        assert post(desk, wished(wish)).status_code == 200
    desk.aircall.requests.clear()
    desk.service.refresh()
    eventually(lambda: user.name in unescape(requests.get(address, auth=USER, timeout=10).text))
    page = requests.get(address, auth=USER, timeout=10)
    assert page.status_code == 200
    assert "<b>" not in page.text
    assert "<p>Available. " in page.text
    assert changes(desk) == []
    fields = form(page) | wished("unavailable")
    done = requests.post(address, fields, auth=USER, headers={"Sec-Fetch-Site": "same-origin"}, timeout=30)
    assert (done.status_code, changes(desk)) == (200, [f"/v2/users/{user.id}"])
    assert f"{user.name} is unavailable now." in unescape(done.text)
    again = requests.post(address, fields, auth=USER, headers={"Origin": desk.url}, timeout=30)
    assert f"{user.name} is unavailable already." in unescape(again.text)
    user.availability_status = "custom"
    refused = requests.post(address, fields, auth=USER, timeout=30)
    assert (refused.status_code, "is on Auto" in refused.text) == (409, True)
    assert requests.get(f"{desk.url}/users/1", auth=USER, timeout=10).status_code == 404


def test_a_form_of_anybody_elses_changes_nothing(desk: Running, user: SimulatedUser) -> None:
    address = f"{desk.url}/users/{user.id}"
    mine = form(requests.get(address, auth=USER, timeout=10))
    others = form(requests.get(f"{desk.url}/users/456002", auth=USER, timeout=10))
    somebodys = form(requests.get(address, auth=("other", PASSWORD), timeout=10))
    for headers in CROSS_SITE:
        sent = mine | wished("unavailable")
        assert requests.post(address, sent, auth=USER, headers=headers, timeout=10).status_code == 403
    for token in (others, somebodys, {"token": "é"}):
        refused = requests.post(address, token | wished("unavailable"), auth=USER, timeout=10)
        assert (refused.status_code, "Nothing is changed" in refused.text) == (403, True)
    for sent in ({}, {"token": ""}, mine, mine | wished("toggle"), wished("available")):
        assert requests.post(address, sent, auth=USER, timeout=10).status_code == 400
    assert changes(desk) == []


def test_the_page_can_be_neither_framed_nor_scripted(desk: Running, user: SimulatedUser) -> None:
    for address in (f"{desk.url}/users/{user.id}", f"{desk.url}/users/1"):
        headers = requests.get(address, auth=USER, timeout=10).headers
        assert headers["X-Frame-Options"] == "DENY"
        policy = headers["Content-Security-Policy"]
        assert re.fullmatch(
            r"default-src 'none'; style-src 'sha256-[\w+/=]+'; form-action 'self'; base-uri 'none';"
            r" frame-ancestors 'none'",
            policy,
        )
        assert headers["Cache-Control"] == "no-store"


def test_it_is_described(desk: Running) -> None:
    described = requests.get(f"{desk.url}/api/v1/openapi.json", auth=USER, timeout=10).json()
    switch = described["paths"]["/api/v1/users/{id}/availability"]["post"]
    assert switch["responses"].keys() == {"200", "400", "403", "404", "409", "415", "502", "503", "504"}
    schema = described["components"]["schemas"]["AvailabilityRequest"]
    assert schema["properties"]["availability"]["enum"] == ["available", "toggle", "unavailable"]


def test_by_the_flags(desk: Running, tmp_path: Path) -> None:
    flags = (f"--storage.path={tmp_path}", "--web.enable-admin-api")
    with process(*flags, **credential(desk.aircall)) as refusing:
        refusing.logged("admin API rejects all clients: set basic_auth_users in --web.config.file")
    flags = (*flags, f"--web.config.file={with_password(tmp_path)}")
    with process(*flags, **credential(desk.aircall)) as exporter:
        address = f"{exporter.url}/api/v1/users/456004/availability"
        switched = requests.post(address, json=wished("unavailable"), auth=USER, timeout=30)
        assert switched.json()["availability"] == "unavailable"
        exporter.logged(f"a user is switched.* who={USER[0]}")
