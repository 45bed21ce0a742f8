"""Test the endpoint and the page that switch a user's availability."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

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


def post(desk: Running, body: object, user_id: object = 456_003, **options: Any) -> requests.Response:
    address = f"{desk.url}/api/v1/users/{user_id}/availability"
    arguments: dict[str, Any] = {"json": body, "auth": USER} | options
    return requests.post(address, timeout=30, **arguments)


def body_for(availability: str) -> dict[str, str]:
    return {"availability": availability}


def changes(desk: Running) -> list[str]:
    return [request.path for request in list(desk.aircall.requests) if request.method == "PUT"]


def test_switch_of_a_user_updates_the_board_and_is_logged(desk: Running, user: SimulatedUser) -> None:
    for target, status, state in (
        ("unavailable", "unavailable", "do_not_disturb"),
        ("toggle", "available", "available"),
        ("toggle", "unavailable", "do_not_disturb"),
        ("available", "available", "available"),
    ):
        before = user.availability_status
        with capture_logs() as logs:
            answer = post(desk, body_for(target))
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
        expected = {"id": user.id, "name": answer.json()["name"], "availability": status, "before": before}
        assert answer.json() == expected
        assert user.availability_status == status
        (logged,) = [line for line in logs if line["event"] == "a user is switched"]
        assert (logged["who"], logged["user_id"]) == (USER[0], user.id)
        assert (logged["before"], logged["now"]) == (before, status)
        eventually(lambda: state_on_board(desk, user) == state)  # noqa: B023 (called at once)


def state_on_board(desk: Running, user: SimulatedUser) -> str:
    states = desk.scrape().all("aircall_user_availability", user_id=user.id)
    (state,) = {dict(labels)["state"] for labels, value in states.items() if value == 1}
    return state


def test_switch_sends_three_requests(desk: Running, user: SimulatedUser) -> None:
    assert post(desk, body_for("toggle")).status_code == 200
    sent = [(each.method, each.path) for each in desk.aircall.requests if str(user.id) in each.path]
    path = f"users/{user.id}"
    assert sent == [("GET", f"/v2/{path}"), ("PUT", f"/v2/{path}"), ("GET", f"/v1/{path}/availability")]
    desk.aircall.requests.clear()
    assert post(desk, body_for("unavailable")).json()["before"] == "unavailable"
    assert changes(desk) == []


def test_switch_of_an_unknown_user_or_one_on_auto_is_rejected(desk: Running, user: SimulatedUser) -> None:
    user.availability_status = "custom"
    for target in ("toggle", "available", "unavailable"):
        refused = post(desk, body_for(target))
        assert refused.status_code == 409
        assert "is on Auto" in refused.json()["error"]
    unknown = post(desk, body_for("available"), user_id=1)
    assert (unknown.status_code, unknown.json()) == (404, {"error": "Aircall has no user 1"})
    for user_id in (10**19, "9" * 5000, "-1", "x"):
        assert post(desk, body_for("available"), user_id=user_id).status_code in (404, 405)
        assert requests.get(f"{desk.url}/users/{user_id}", auth=USER, timeout=10).status_code == 404
    assert changes(desk) == []


@pytest.mark.parametrize("body", [{}, [], "available", body_for("asleep"), body_for("available") | {"x": 1}])
def test_switch_with_an_invalid_body_returns_400(desk: Running, user: SimulatedUser, body: object) -> None:
    refused = post(desk, body)
    assert (refused.status_code, "expected" in refused.json()["error"]) == (400, True)
    assert changes(desk) == []


def test_switch_from_another_site_is_rejected(desk: Running, user: SimulatedUser) -> None:
    for headers in CROSS_SITE:
        assert post(desk, body_for("toggle"), headers=headers).status_code == 403
    for sent in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        as_form = {"json": None, "data": '{"availability": "toggle"}', "headers": {"Content-Type": sent}}
        assert post(desk, None, **as_form).status_code == 415
    assert post(desk, body_for("x" * 5000)).status_code == 413
    assert changes(desk) == []


def test_switch_without_a_valid_password_is_rejected(
    desk: Running, user: SimulatedUser, tmp_path: Path
) -> None:
    page = f"{desk.url}/users/{user.id}"
    for auth in (None, (USER[0], "wrong"), ("unknown", PASSWORD)):
        assert post(desk, body_for("toggle"), auth=auth).status_code == 401
        assert requests.get(page, auth=auth, timeout=10).status_code == 401
        assert requests.post(page, auth=auth, data=body_for("unavailable"), timeout=10).status_code == 401
    password = WebConfigReloader(written(tmp_path, USERS))
    with running(desk.account, admin=True) as open_to_all, running(desk.account, web=password) as disabled:
        for other, auth, code, reason in (
            (open_to_all, None, 403, "needs a password"),
            (open_to_all, USER, 403, "needs a password"),
            (disabled, None, 401, "Unauthorized"),
            (disabled, USER, 403, "--web.enable-admin-api"),
        ):
            for answered in (
                post(other, body_for("toggle"), auth=auth),
                requests.get(f"{other.url}/users/{user.id}", auth=auth, timeout=10),
                requests.post(f"{other.url}/users/{user.id}", auth=auth, timeout=10),
            ):
                assert (answered.status_code, reason in answered.text) == (code, True)
            assert changes(other) == []
    assert changes(desk) == []


def test_switch_that_aircall_rejects_returns_502_and_is_not_repeated(
    desk: Running, user: SimulatedUser
) -> None:
    desk.aircall.faults.append(Fault(lambda path: "/v2/users/4" in path and bool(changes(desk)), answer(500)))
    with capture_logs() as logs:
        refused = post(desk, body_for("toggle"))
    problem = f"Aircall cannot be asked now: /v2/users/{user.id}: answered 500"
    assert (refused.status_code, refused.json()) == (502, {"error": problem})
    (logged,) = [line for line in logs if line["event"] == "a user is not switched"]
    assert (logged["who"], logged["requested"], logged["why"]) == (USER[0], "toggle", problem)
    assert len(changes(desk)) == 1
    assert "aircall_up 1" in requests.get(f"{desk.url}/metrics", timeout=10).text


def test_switch_after_its_timeout_changes_nothing(
    desk: Running, user: SimulatedUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_requests, "TIMEOUT_S", 0.5)
    hang = Hang()
    desk.aircall.faults.append(Fault(lambda path: path == f"/v2/users/{user.id}", hang))
    try:
        late = post(desk, body_for("toggle"))
        assert (late.status_code, "check whether" in late.json()["error"]) == (504, True)
    finally:
        desk.aircall.faults.clear()
        hang.released.set()
    now = desk.service.clock()
    eventually(lambda: (desk.service.latest.status.datasets["calls"].as_of or 0) > now)
    assert changes(desk) == []
    assert post(desk, body_for("toggle")).status_code == 200


def form_token(page: requests.Response) -> dict[str, str]:
    token = re.search(r'name="token" value="([0-9a-f]+)"', page.text)
    assert token
    return {"token": token[1]}


def test_user_page_switches_the_user_only_after_confirmation(desk: Running, user: SimulatedUser) -> None:
    address = f"{desk.url}/users/{user.id}"
    for target in ("unavailable", "available"):
        assert post(desk, body_for(target)).status_code == 200
    desk.aircall.requests.clear()
    desk.service.refresh()
    eventually(lambda: user.name in unescape(requests.get(address, auth=USER, timeout=10).text))
    page = requests.get(address, auth=USER, timeout=10)
    assert page.status_code == 200
    assert "<b>" not in page.text
    assert "<p>Available. " in page.text
    assert changes(desk) == []
    fields = form_token(page) | body_for("unavailable")
    done = requests.post(address, fields, auth=USER, headers={"Sec-Fetch-Site": "same-origin"}, timeout=30)
    assert (done.status_code, changes(desk)) == (200, [f"/v2/users/{user.id}"])
    assert f"{user.name} is unavailable now." in unescape(done.text)
    again = requests.post(address, fields, auth=USER, headers={"Origin": desk.url}, timeout=30)
    assert f"{user.name} is unavailable already." in unescape(again.text)
    user.availability_status = "custom"
    refused = requests.post(address, fields, auth=USER, timeout=30)
    assert (refused.status_code, "is on Auto" in refused.text) == (409, True)
    assert requests.get(f"{desk.url}/users/1", auth=USER, timeout=10).status_code == 404


def test_user_page_with_a_token_of_another_form_changes_nothing(desk: Running, user: SimulatedUser) -> None:
    address = f"{desk.url}/users/{user.id}"
    own = form_token(requests.get(address, auth=USER, timeout=10))
    other_users = form_token(requests.get(f"{desk.url}/users/456002", auth=USER, timeout=10))
    other_clients = form_token(requests.get(address, auth=("other", PASSWORD), timeout=10))
    for headers in CROSS_SITE:
        sent = own | body_for("unavailable")
        assert requests.post(address, sent, auth=USER, headers=headers, timeout=10).status_code == 403
    for token in (other_users, other_clients, {"token": "é"}):
        refused = requests.post(address, token | body_for("unavailable"), auth=USER, timeout=10)
        assert (refused.status_code, "Nothing is changed" in refused.text) == (403, True)
    for sent in ({}, {"token": ""}, own, own | body_for("toggle"), body_for("available")):
        assert requests.post(address, sent, auth=USER, timeout=10).status_code == 400
    assert changes(desk) == []


def test_user_page_headers_disallow_frames_and_scripts(desk: Running, user: SimulatedUser) -> None:
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


def test_openapi_of_the_exporter_describes_the_switch(desk: Running) -> None:
    described = requests.get(f"{desk.url}/api/v1/openapi.json", auth=USER, timeout=10).json()
    switch = described["paths"]["/api/v1/users/{id}/availability"]["post"]
    assert switch["responses"].keys() == {"200", "400", "403", "404", "409", "415", "502", "503", "504"}
    schema = described["components"]["schemas"]["AvailabilityRequest"]
    assert schema["properties"]["availability"]["enum"] == ["available", "toggle", "unavailable"]


def test_enable_admin_api_flag_switches_users_only_with_a_password(desk: Running, tmp_path: Path) -> None:
    flags = [f"--storage.path={tmp_path}", "--web.enable-admin-api"]
    with process(*flags, **credential(desk.aircall)) as refusing:
        refusing.logged("admin API rejects all clients: set basic_auth_users in --web.config.file")
    flags.append(f"--web.config.file={with_password(tmp_path)}")
    with process(*flags, **credential(desk.aircall)) as exporter:
        address = f"{exporter.url}/api/v1/users/456004/availability"
        switched = requests.post(address, json=body_for("unavailable"), auth=USER, timeout=30)
        assert switched.json()["availability"] == "unavailable"
        exporter.logged(f"a user is switched.* who={USER[0]}")
