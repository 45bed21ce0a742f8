"""Tests of the options that callers choose in menus: in the API, in events, and in the calls of a day."""

from collections import Counter

import pytest

from exporter.simulator.models import IvrOption
from exporter.simulator.simulation import SimulatedAccount

START = 1_780_000_020
DAY = 86_400
TIMELINE = "fetch_call_timeline=true"


@pytest.fixture
def number(account):
    return next(number for number in account.numbers.values() if number.is_ivr)


@pytest.fixture
def call(account, number):
    """Return a waiting call whose caller chose two options."""
    call = account.ring_in(number.id, "+33 6 39 98 00 01", at=START)
    account.select_option(call.id, "Support", "2", at=START + 8.9)
    account.select_option(call.id, "Existing order", "1", at=START + 13)
    return call


def fetched(client, call, query=""):
    return client.get(f"/v1/calls/{call.id}?{query}").json()["call"]


def test_options_follow_each_other_from_the_start_of_the_call(account, number, call):
    assert call.ivr_options == [
        IvrOption("Support", "2", "option_2", START, START + 8),
        IvrOption("Existing order", "1", "option_1", START + 8, START + 13),
    ]
    assert call.left_menu_at == START + 13
    assert (call.status, call.is_waiting) == ("initial", True)
    without = account.ring_in(number.id, "anonymous")
    assert without.left_menu_at is None


def test_select_option_in_an_impossible_state_raises_an_error(account, call):
    with pytest.raises(ValueError, match="follow each other"):
        account.select_option(call.id, "Sales", "1", at=START + 12)
    account.answer(call.id, 456_001)
    with pytest.raises(ValueError, match="is answered, not initial"):
        account.select_option(call.id, "Sales", "1")


def test_call_with_the_parameter_has_the_selected_options(client, account, number, call):
    first, second = fetched(client, call, TIMELINE)["ivr_options_selected"]
    assert first.pop("id") != second.pop("id")
    assert first == {
        "title": "Support",
        "key": "2",
        "branch": "option_2",
        "created_at": "2026-05-28T20:27:08.000Z",
        "transition_started_at": "2026-05-28T20:27:00.000Z",
        "transition_ended_at": "2026-05-28T20:27:08.000Z",
    }
    assert second["transition_started_at"] == first["transition_ended_at"]
    without = account.ring_in(number.id, "anonymous")
    assert fetched(client, without, TIMELINE)["ivr_options_selected"] == []


@pytest.mark.parametrize("path", ["/v1/calls", "/v1/calls/search"])
def test_lists_of_calls_have_options_with_the_parameter_only(client, account, call, path):
    (with_options,) = client.get(f"{path}?{TIMELINE}").json()["calls"]
    assert len(with_options["ivr_options_selected"]) == 2
    for query in ("", "fetch_call_timeline=false"):
        (without,) = client.get(f"{path}?{query}").json()["calls"]
        assert "ivr_options_selected" not in without
    account.smartflows = False
    (of_other_company,) = client.get(f"{path}?{TIMELINE}").json()["calls"]
    assert "ivr_options_selected" not in of_other_company
    assert of_other_company == without


def test_calls_older_than_two_months_have_no_options(client, account, number):
    calls = [account.ring_in(number.id, "anonymous", at=START - days * DAY) for days in (70, 50)]
    old, recent = (fetched(client, call, TIMELINE) for call in calls)
    assert "ivr_options_selected" not in old
    assert recent["ivr_options_selected"] == []


def test_links_to_other_pages_are_without_the_parameter(client, account, number):
    for _ in range(3):
        account.ring_in(number.id, "anonymous", at=START)
    page = client.get(f"/v1/calls?order=desc&{TIMELINE}&per_page=1&page=2&from={START - 1}").json()
    assert "ivr_options_selected" in page["calls"][0]
    for name in ("next_page_link", "previous_page_link"):
        link = page["meta"][name]
        assert "fetch_call_timeline" not in link
        assert f"from={START - 1}" in link
        (call,) = client.session.get(link, timeout=5).json()["calls"]
        assert "ivr_options_selected" not in call


def test_event_of_an_option_has_all_options_so_far(posts, client, call):
    assert [post["event"] for post in posts] == ["call.created", *["call.ivr_option_selected"] * 2]
    assert {post["resource"] for post in posts} == {"call"}
    assert [post["timestamp"] for post in posts] == [START, START + 8, START + 13]
    created, first, second = (post["data"] for post in posts)
    assert "ivr_options_selected" not in created
    assert [option["title"] for option in first["ivr_options_selected"]] == ["Support"]
    assert second["ivr_options_selected"] == fetched(client, call, TIMELINE)["ivr_options_selected"]
    assert (second["id"], second["status"]) == (call.id, "initial")


def test_option_in_a_company_without_smartflows_is_unknown(posts, account, number):
    account.smartflows = False
    call = account.ring_in(number.id, "anonymous", at=START)
    account.select_option(call.id, "Support", "2", at=START + 8)
    assert (call.ivr_options, call.left_menu_at) == ([], None)
    assert [post["event"] for post in posts] == ["call.created"]


@pytest.mark.parametrize(
    ("smartflows", "is_ivr", "rings"), [(True, True, True), (False, False, True), (False, True, False)]
)
def test_event_of_ringing_is_not_sent_for_a_classic_ivr(posts, account, smartflows, is_ivr, rings):
    number = next(iter(account.numbers.values()))
    account.smartflows, number.is_ivr = smartflows, is_ivr
    call = account.ring_in(number.id, "anonymous")
    account.ring_on(call.id, 456_001)
    account.decline(call.id, 456_001)
    ringing = ["call.ringing_on_agent"] * rings
    assert [post["event"] for post in posts] == ["call.created", *ringing, "call.agent_declined"]


def test_calls_of_a_day_have_options_on_numbers_with_a_menu():
    account = SimulatedAccount(start=START)
    answered = [call for call in account.calls.values() if call.direction == "inbound" and call.answered_at]
    counts = Counter(len(call.ivr_options) for call in answered if call.number and call.number.is_ivr)
    assert counts.keys() == {1, 2}
    assert 0.15 < counts[2] / counts.total() < 0.35
    for call in account.calls.values():
        assert not call.ivr_options or (call.number and call.number.is_ivr)
        assert call.left_menu_at is None or call.started_at < call.left_menu_at
        assert not (call.left_menu_at and call.answered_at) or call.left_menu_at <= call.answered_at


def test_calls_of_a_day_without_smartflows_are_the_same_without_options():
    with_options = SimulatedAccount(start=START, history=3600)
    without = SimulatedAccount(start=START, history=3600, smartflows=False)
    assert any(call.ivr_options for call in with_options.calls.values())
    assert not any(call.ivr_options for call in without.calls.values())
    assert [(call.id, call.answered_at, call.ended_at) for call in without.calls.values()] == [
        (call.id, call.answered_at, call.ended_at) for call in with_options.calls.values()
    ]


def test_greeting_delays_the_ringing_on_users():
    account = SimulatedAccount(start=START, history=0, calls_per_hour=300)
    for number in account.numbers.values():
        number.greeting_s = 6
    account.advance(START + 1800)
    waits = [
        call.answered_at - call.started_at
        for call in account.calls.values()
        if call.direction == "inbound" and call.answered_at
    ]
    assert len(waits) > 20
    assert min(waits) >= 6
