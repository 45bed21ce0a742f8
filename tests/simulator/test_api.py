"""Tests of the simulated API: credential, lists, and the response of each endpoint."""

import pytest
import requests

from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from tests.simulator.conftest import Client

START = 1_780_000_020


def ids(page, key):
    return [thing["id"] for thing in page[key]]


def add_missed_calls(account, count, every=1):
    """Add `count` missed calls, one each `every` seconds up to the start."""
    number = next(iter(account.numbers))
    for index in range(count):
        at = START - (count - index) * every
        account.miss(account.ring_in(number, "anonymous", at=at).id, "no_available_agent", at=at)


def test_api_credential_missing_or_wrong_is_401_or_403(aircall, client):
    url = aircall.base_url + "/v1/ping"
    without = requests.get(url, timeout=5)
    assert (without.status_code, without.json()) == (401, {"message": "Unauthorized"})
    wrong = requests.get(url, auth=("demo", "guess"), timeout=5)
    assert (wrong.status_code, wrong.json()) == (403, {"message": "Forbidden"})
    assert client.get("/v1/ping").json() == {"ping": "pong"}


def test_list_of_several_pages_has_links_that_keep_the_query(aircall, client, account):
    add_missed_calls(account, 45)
    pages = list(client.pages(f"/v1/calls?order=desc&from={START - 44}&per_page=20"))
    assert [page["meta"]["count"] for page in pages] == [20, 20, 4]
    assert [page["meta"]["current_page"] for page in pages] == [1, 2, 3]
    assert {page["meta"]["total"] for page in pages} == {44}
    assert pages[0]["meta"]["previous_page_link"] is None
    link = pages[1]["meta"]["previous_page_link"]
    assert link.startswith(aircall.base_url)
    assert client.session.get(link, timeout=5).json() == pages[0]
    started = [call["started_at"] for page in pages for call in page["calls"]]
    assert started == list(range(START - 1, START - 45, -1))


@pytest.mark.parametrize(
    ("query", "count"), [("", 20), ("?per_page=50", 50), ("?per_page=500", 50), ("?per_page=7", 7)]
)
def test_list_per_page_is_20_by_default_and_at_most_50(client, account, query, count):
    add_missed_calls(account, 60)
    page = client.get(f"/v1/calls{query}").json()
    assert (page["meta"]["per_page"], len(page["calls"])) == (count, count)


def test_list_page_is_not_a_number_is_400(client):
    assert client.get("/v1/users?page=two").status_code == 400


def test_calls_beyond_ten_thousand_end_silently(client, account):
    add_missed_calls(account, 10_030)
    last = client.get("/v1/calls?per_page=50&page=200").json()
    assert len(last["calls"]) == 50
    assert last["meta"]["next_page_link"] is None
    assert last["meta"]["total"] == 10_030
    assert client.get("/v1/calls?per_page=50&page=201").json()["calls"] == []
    oldest_missing = client.get("/v1/calls?order=desc&per_page=50&page=200").json()["calls"][-1]
    assert oldest_missing["started_at"] == START - 10_000


def test_calls_from_and_to_include_their_seconds(client, account):
    add_missed_calls(account, 10)
    page = client.get(f"/v1/calls?from={START - 5}&to={START - 3}").json()
    assert [call["started_at"] for call in page["calls"]] == [START - 5, START - 4, START - 3]


def test_call_from_ringing_to_done_shows_each_phase(client, account, clock):
    user_id, number_id = next(iter(account.users)), next(iter(account.numbers))
    call = account.ring_in(number_id, "+33 6 39 98 00 01", at=START)

    def fetched():
        return client.get(f"/v1/calls/{call.id}").json()["call"]

    ringing = fetched()
    assert (ringing["status"], ringing["user"], ringing["answered_at"]) == ("initial", None, None)
    account.answer(call.id, user_id, at=START + 8)
    talking = fetched()
    assert (talking["status"], talking["answered_at"], talking["ended_at"]) == ("answered", START + 8, None)
    assert talking["user"]["id"] == user_id
    account.hang_up(call.id, at=START + 60)
    account.tag(call.id, "VIP", at=START + 70)
    done = fetched()
    assert (done["status"], done["ended_at"], done["duration"]) == ("done", START + 60, 60)
    assert [tag["name"] for tag in done["tags"]] == ["VIP"]
    assert ".mp3?Expires=" in done["recording"]
    assert done["number"]["id"] == number_id
    assert ringing.keys() == talking.keys() == done.keys()
    assert client.get("/v1/calls").json()["calls"] == [done]


def test_search_with_criteria_returns_matching_calls(client, account):
    user_id = next(iter(account.users))
    out = account.dial(user_id, None, "+33 6 39 98 00 01", at=START)
    account.hang_up(out.id, at=START + 9)
    account.tag(out.id, "Callback")
    add_missed_calls(account, 3)

    def search(query):
        return ids(client.get(f"/v1/calls/search?{query}").json(), "calls")

    assert search(f"user_id={user_id}") == [out.id]
    assert search("direction=outbound") == [out.id]
    assert search("phone_number=%2B33639980001") == [out.id]
    assert search("tags[]=VIP&tags[]=Callback") == [out.id]
    assert search("tags[]=VIP") == []
    assert len(search("direction=inbound")) == 3
    assert search(f"direction=inbound&from={START}") == []


def test_teams_listed_or_single_include_their_members(client, account):
    for team in client.get("/v1/teams").json()["teams"]:
        assert ids(team, "users") == sorted(account.teams[team["id"]].user_ids)
        assert client.get(f"/v1/teams/{team['id']}").json()["team"] == team


def test_numbers_single_includes_users_and_list_does_not(client, account):
    numbers = client.get("/v1/numbers").json()["numbers"]
    assert all("users" not in number for number in numbers)
    number_id = numbers[0]["id"]
    number = client.get(f"/v1/numbers/{number_id}").json()["number"]
    assert set(ids(number, "users")) == account.assigned(number_id)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/users/1",
        "/v2/users/1/numbers",
        "/v1/users/1/availability",
        "/v1/teams/1",
        "/v1/numbers/1",
        "/v1/calls/1",
        "/v1/nothing",
        "/",
    ],
)
def test_api_unknown_path_or_id_is_404(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"] == "Not Found"


def test_call_of_a_deleted_user_keeps_the_user(client, account):
    call = account.dial(456_003, None, "anonymous", at=START)
    account.remove_user(456_003)
    assert client.get("/v2/users/456003").status_code == 404
    assert client.get(f"/v1/calls/{call.id}").json()["call"]["user"]["id"] == 456_003


def test_request_at_a_later_time_advances_the_account(client, account, clock):
    clock.now = START + 33.5
    client.get("/v1/ping")
    assert account.now == START + 33.5


def test_clock_skew_of_the_account_moves_date_and_calls(client, aircall, account, clock):
    aircall.clock_skew = 90
    assert client.get("/v1/ping").headers["Date"] == "Thu, 28 May 2026 20:28:30 GMT"
    call = account.ring_in(None, "anonymous")
    assert call.started_at == START + 90


def test_requests_of_a_client_are_logged_with_time_query_and_status(client, aircall, clock):
    client.get("/v1/calls?order=desc")
    client.get("/v1/teams/1")
    first, second = aircall.requests
    assert (first.time, first.method, first.path, first.query, first.status) == (
        START, "GET", "/v1/calls", "order=desc", 200,
    )  # fmt: skip
    assert (second.path, second.status) == ("/v1/teams/1", 404)


def seconds_of_last_pages(clock, users, calls):
    """Return the shortest of three response times of the last page of calls, users and teams."""
    account = SimulatedAccount(users=users, calls_per_hour=0, start=START)
    add_missed_calls(account, calls, every=0)
    with SimulatedAircall(account, clock, rate_limit=10_000) as aircall:
        client = Client(aircall)

        def seconds(path, objects):
            answers = [client.get(f"{path}per_page=50&page={min(objects, 10_000) // 50}") for _ in range(3)]
            assert {(answer.status_code, answer.json()["meta"]["count"]) for answer in answers} == {(200, 50)}
            return min(answer.elapsed for answer in answers)

        return (
            seconds("/v1/calls?order=desc&", calls),
            seconds("/v1/users/availabilities?", users),
            seconds("/v1/teams?", len(account.teams)),
        )


def test_api_last_page_of_a_large_account_is_about_as_fast_as_of_a_small_one(clock):
    small = seconds_of_last_pages(clock, users=600, calls=600)
    large = seconds_of_last_pages(clock, users=10_000, calls=50_000)
    assert all(of_large < 20 * of_small for of_large, of_small in zip(large, small, strict=True))


def test_server_on_a_taken_port_raises_an_error(aircall, account):
    taken = int(aircall.base_url.rsplit(":", 1)[1])
    with pytest.raises(OSError, match="in use"), SimulatedAircall(account, port=taken):
        pass


def test_calls_older_than_half_a_year_are_not_found(client, account):
    number, day = next(iter(account.numbers)), 86_400
    calls = [account.ring_in(number, "anonymous", at=START - days * day) for days in (200, 170, 1)]
    for call in calls:
        account.miss(call.id, "no_available_agent", at=call.started_at)
    assert ids(client.get("/v1/calls?from=0").json(), "calls") == [call.id for call in calls[1:]]
    assert [client.get(f"/v1/calls/{call.id}").status_code for call in calls] == [404, 200, 200]


def test_members_of_numbers_and_teams_are_abridged(client, account):
    number = next(number.id for number in account.numbers.values() if number.user_ids)
    member = client.get(f"/v1/numbers/{number}").json()["number"]["users"][0]
    assert "language" not in member
    assert client.get("/v1/teams").json()["teams"][0]["users"][0].keys() == member.keys()
    assert "language" in client.get("/v2/users").json()["users"][0]
