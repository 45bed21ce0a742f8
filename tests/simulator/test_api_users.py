"""Test the simulated users and their availability in the API."""

import msgspec
import pytest

from exporter.simulator.webhooks import Post, SimulatedWebhook
from harness.substatuses import NORMALISED

START = 1_780_000_020


def ids(page, key):
    return [thing["id"] for thing in page[key]]


def test_users_in_v2_also_have_substatus_and_wrap_up_time(client, account):
    user_id = next(iter(account.users))
    lists = [client.get(f"/{version}/users").json()["users"][0] for version in ("v1", "v2")]
    v1, v2 = (client.get(f"/{version}/users/{user_id}").json()["user"] for version in ("v1", "v2"))
    numbers = v1.pop("numbers")
    assert [v1, v2] == lists
    assert v2 == v1 | {"substatus": "always_open", "wrap_up_time": account.users[user_id].wrap_up_time}
    assert client.get(f"/v2/users/{user_id}/numbers").json()["numbers"] == numbers
    assert ids({"numbers": numbers}, "numbers") == [number.id for number in account.numbers_of(user_id)]


def test_users_substatus_is_spelled_differently_in_lists_and_events(aircall, client, account):
    posts: list[Post] = []
    aircall.webhooks.carriers.append(posts.append)
    aircall.webhooks.add(SimulatedWebhook("http://127.0.0.1:1"))
    spelled = {}
    for reason in set(NORMALISED.values()) - {"always_open"}:
        account.set_availability(456_003, "do_not_disturb", substatus=reason)
        in_list = client.get("/v2/users/456003").json()["user"]["substatus"]
        in_event = msgspec.json.decode(posts[-1].body)["data"]["substatus"]
        assert NORMALISED[in_list] == NORMALISED[in_event] == reason
        spelled[reason] = in_list, in_event
    assert {reason for reason, (in_list, in_event) in spelled.items() if in_list == in_event} == {
        "always_closed"
    }
    account.set_availability(456_003, "do_not_disturb", substatus="Any text")
    assert client.get("/v2/users/456003").json()["user"]["substatus"] == "Any text"
    assert msgspec.json.decode(posts[-1].body)["data"]["substatus"] == "Any text"


def test_users_name_of_any_text_is_unchanged(client, account):
    account.users[456_001].name = 'Back\\slash "quoted"\nנועה 🎧'
    assert client.get("/v2/users/456001").json()["user"]["name"] == 'Back\\slash "quoted"\nנועה 🎧'


def test_users_by_default_include_the_invalid_date_of_the_documentation(client):
    users = [user for page in client.pages("/v2/users") for user in page["users"]]
    assert "20120-01-02T09:01:58.000Z" in {user["created_at"] for user in users}


def test_users_of_an_older_account_have_no_v2(aircall, client):
    aircall.v2 = False
    assert client.get("/v2/users").status_code == 404
    assert client.get("/v2/users/456001/numbers").status_code == 404
    assert client.get("/v1/users").status_code == 200


def test_users_v1_is_retired_is_410(aircall, client):
    aircall.v1_users = False
    assert client.get("/v1/users?page=1").status_code == 410
    assert client.get("/v1/users/456001").status_code == 410
    assert client.put("/v1/users/456001", {"availability_status": "available"}).status_code == 410
    assert client.get("/v1/users/availabilities").status_code == 200
    assert client.get("/v1/users/456001/availability").status_code == 200
    assert client.get("/v2/users").status_code == 200


def test_availabilities_listed_or_single_match_the_account(client, account):
    account.set_availability(456_003, "do_not_disturb")
    listed = {
        user["id"]: user["availability"]
        for page in client.pages("/v1/users/availabilities")
        for user in page["users"]
    }
    assert listed == {id_: account.availability(id_) for id_ in account.users}
    assert client.get("/v1/users/456003/availability").json() == {"availability": "do_not_disturb"}


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_switch_of_a_user_changes_availability_and_substatus(client, account, version):
    path = f"/{version}/users/456003"
    account.set_availability(456_003, "do_not_disturb", substatus="Out for lunch")
    assert client.put(path, {"availability_status": "available"}).json()["user"]["available"] is True
    assert account.availability(456_003) == "available"
    assert client.put(path, {"availability_status": "unavailable"}).json()["user"]["available"] is False
    assert account.availability(456_003) == "do_not_disturb"
    assert client.get("/v2/users/456003").json()["user"]["substatus"] == "always_closed"
    for invalid in ({"availability_status": "asleep"}, {}, list[object]()):
        assert client.put(path, invalid).status_code == 400


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_switch_of_a_user_with_custom_status_is_ignored_silently(client, account, version):
    account.users[456_003].availability_status = "custom"
    answer = client.put(f"/{version}/users/456003", {"availability_status": "unavailable"})
    assert (answer.status_code, answer.json()["user"]["availability_status"]) == (200, "custom")
    assert account.availability(456_003) == "available"


def test_switch_during_a_call_applies_after_it(client, account):
    call = account.dial(456_003, None, "anonymous", at=START)
    client.put("/v2/users/456003", {"availability_status": "unavailable"})
    assert account.availability(456_003) == "in_call"
    account.hang_up(call.id, at=START)
    account.advance(START + 600)
    assert account.availability(456_003) == "do_not_disturb"


def test_switch_of_an_offline_user_leaves_them_offline(client, account):
    account.set_availability(456_003, "offline")
    answer = client.put("/v2/users/456003", {"availability_status": "unavailable"}).json()
    assert answer["user"]["availability_status"] == "unavailable"
    assert answer["user"]["substatus"] == "always_closed"
    assert account.availability(456_003) == "offline"
