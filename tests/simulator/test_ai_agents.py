"""Tests of AI voice agents: both ways in which calls show them, the API, and the events."""

import pytest

from exporter.simulator.models import AiAgentSession
from exporter.simulator.simulation import SimulatedAccount
from harness import recount

START = 1_780_000_020
CONVERSATIONS = "fetch_aiva_conv=true"
USER = 456_001


@pytest.fixture(params=[False, True], ids=["initial", "answered"])
def ai_answers(request, account):
    """Return whether calls are answered when an AI agent starts to talk. Request it before `call`."""
    account.ai_answers = request.param
    return request.param


@pytest.fixture
def number(account):
    return next(iter(account.numbers.values()))


@pytest.fixture
def call(account, number):
    """Return a waiting call that is with an AI agent."""
    call = account.ring_in(number.id, "+33 6 39 98 00 01", at=START)
    account.start_ai_agent(call.id, at=START + 1)
    return call


def fetched(client, call, query=""):
    return client.get(f"/v1/calls/{call.id}?{query}").json()["call"]


def phase(client, call):
    shown = fetched(client, call)
    user = shown["user"]["id"] if shown["user"] else None
    return shown["status"], shown["answered_at"], user, shown["missed_call_reason"]


def test_call_that_an_ai_agent_handles_has_no_user_and_no_missed_reason(ai_answers, client, account, call):
    answered_at = START + 1 if ai_answers else None
    assert phase(client, call) == ("answered" if ai_answers else "initial", answered_at, None, None)
    account.end_ai_agent(call.id, at=START + 40)
    assert phase(client, call) == ("done", answered_at, None, None)
    assert call.left_menu_at is None
    assert recount.kind(call) == "ai_agent"
    assert recount.count([call], "inbound", "answered") == recount.count([call], "inbound", "missed") == 0
    assert recount.times_to_answer([call]) == []
    assert recount.average_call([call]) is None


def test_call_that_an_ai_agent_escalates_is_answered_by_a_person(ai_answers, client, account, call):
    account.escalate_ai_agent(call.id, at=START + 30)
    answered_at = START + 1 if ai_answers else None
    assert phase(client, call) == ("answered" if ai_answers else "initial", answered_at, None, None)
    assert (call.is_waiting, call.left_menu_at) == (True, START + 30)
    account.answer(call.id, USER, at=START + 42)
    answered_at = START + 1 if ai_answers else START + 42
    assert phase(client, call) == ("answered", answered_at, USER, None)
    assert (call.is_waiting, account.availability(USER)) == (False, "in_call")
    account.hang_up(call.id, at=START + 100)
    assert phase(client, call) == ("done", answered_at, USER, None)
    assert recount.kind(call) == "answered"
    assert recount.times_to_answer([call]) == [0 if ai_answers else 12]
    assert recount.average_call([call]) == 100


def test_call_abandoned_after_an_escalation_is_missed(ai_answers, client, account, call):
    account.escalate_ai_agent(call.id, at=START + 30)
    account.miss(call.id, "abandoned_in_classic", at=START + 55)
    answered_at = START + 1 if ai_answers else None
    assert phase(client, call) == ("done", answered_at, None, "abandoned_in_classic")
    assert recount.kind(call) == "missed"
    assert recount.times_to_answer([call]) == []
    assert recount.length(call) == 25


def test_caller_who_hangs_up_during_the_conversation_ends_it(ai_answers, posts, account, call):
    account.miss(call.id, "short_abandoned", at=START + 9)
    assert call.ai_agents[0].ended_at == call.ended_at == START + 9
    assert call.left_menu_at is None
    assert [post["event"] for post in posts][-2:] == ["ai_voice_agent.ended", "call.hungup"]


def test_conversations_are_in_calls_with_the_parameter_only(client, account, call):
    (session,) = fetched(client, call, CONVERSATIONS)["ai_voice_agents"]
    assert session.pop("ai_voice_agent_id") != session.pop("ai_voice_agent_session_id")
    assert session == {
        "id": call.id,
        "call_id": call.id,
        "call_uuid": fetched(client, call)["sid"],
        "ai_voice_agent_name": "Reception",
        "number_id": call.number_id,
        "started_at": START + 1,
        "ended_at": None,
        "created_at": START + 1,
    }
    account.escalate_ai_agent(call.id, at=START + 30)
    (session,) = fetched(client, call, CONVERSATIONS)["ai_voice_agents"]
    assert session["ended_at"] == START + 30
    assert "ai_voice_agents" not in fetched(client, call)
    assert "ai_voice_agents" not in client.get("/v1/calls").json()["calls"][0]
    for path in ("/v1/calls", "/v1/calls/search"):
        assert client.get(f"{path}?{CONVERSATIONS}").json()["calls"][0]["ai_voice_agents"] == [session]


def test_conversations_of_a_call_without_ai_agent_are_an_empty_list(client, account, number):
    account.smartflows = False
    call = account.ring_in(number.id, "anonymous")
    assert fetched(client, call, CONVERSATIONS)["ai_voice_agents"] == []


def times(post):
    return {name: post["data"].get(name) for name in ("started_at", "ended_at") if name in post["data"]}


def test_events_of_an_escalation_are_sent_in_order(posts, account, call):
    account.escalate_ai_agent(call.id, at=START + 30)
    account.answer(call.id, USER, at=START + 42)
    assert [post["event"] for post in posts] == [
        "call.created",
        "ai_voice_agent.started",
        "ai_voice_agent.escalated",
        "ai_voice_agent.ended",
        "call.answered",
    ]
    started, escalated, ended = posts[1:4]
    assert times(started) == {"started_at": START + 1}
    assert times(escalated) == {}
    assert times(ended) == {"started_at": START + 1, "ended_at": START + 30}
    for post in (started, escalated, ended):
        assert post["resource"] == "ai_voice_agent"
        assert post["data"]["id"] == post["data"]["call_id"] == call.id
        assert post["data"]["call_uuid"] == posts[0]["data"]["call_uuid"]
    assert [post["timestamp"] for post in posts[1:4]] == [START + 1, START + 30, START + 30]


def test_events_of_a_handled_call_are_sent_in_order(posts, account, call):
    account.end_ai_agent(call.id, at=START + 40)
    assert [post["event"] for post in posts] == [
        "call.created",
        "ai_voice_agent.started",
        "ai_voice_agent.ended",
        "ai_voice_agent.summary",
        "call.hungup",
    ]
    assert times(posts[2]) == {"started_at": START + 1, "ended_at": START + 40}
    assert times(posts[3]) == {}


def test_events_of_an_ai_agent_that_answers_include_call_answered(ai_answers, posts, account, call):
    account.escalate_ai_agent(call.id, at=START + 30)
    account.answer(call.id, USER, at=START + 42)
    answered = [post["data"] for post in posts if post["event"] == "call.answered"]
    assert [data["user"] and data["user"]["id"] for data in answered] == [None] * ai_answers + [USER]
    assert {data["answered_at"] for data in answered} == {START + 1 if ai_answers else START + 42}


def test_ai_agent_in_an_impossible_state_raises_an_error(ai_answers, account, number, call):
    with pytest.raises(ValueError, match="already with an AI agent"):
        account.start_ai_agent(call.id)
    with pytest.raises(ValueError, match="has not passed it on"):
        account.answer(call.id, USER)
    with pytest.raises(ValueError, match="nothing to hang up"):
        account.hang_up(call.id)
    with pytest.raises(ValueError, match="follow each other"):
        account.escalate_ai_agent(call.id, at=START)
    account.escalate_ai_agent(call.id, at=START + 30)
    with pytest.raises(ValueError, match="not with an AI agent"):
        account.end_ai_agent(call.id)
    outbound = account.dial(USER, number.id, "anonymous")
    with pytest.raises(ValueError, match="is outbound"):
        account.start_ai_agent(outbound.id)


def test_left_menu_at_is_the_latest_end_of_options_and_escalations(account, call):
    account.escalate_ai_agent(call.id, at=START + 30)
    account.select_option(call.id, "Support", "2", at=START + 37)
    assert call.left_menu_at == START + 37
    account.start_ai_agent(call.id, at=START + 38)
    assert call.ai_agent is call.ai_agents[1]
    assert call.left_menu_at == START + 37
    account.escalate_ai_agent(call.id, at=START + 60)
    assert call.left_menu_at == START + 60
    assert [session.escalated for session in call.ai_agents] == [True, True]


def test_recount_of_waits_is_between_the_start_and_the_answer_of_the_call(account, number):
    call = account.ring_in(number.id, "anonymous", at=START)
    assert recount.waits_from(call) == START
    account.answer(call.id, USER, at=START + 10)
    call.ai_agents.append(AiAgentSession(START + 1, START + 14, escalated=True))
    assert recount.waits_from(call) == START + 10
    assert recount.times_to_answer([call]) == [0]


@pytest.mark.parametrize("answers", [False, True])
def test_ai_agent_of_the_least_popular_number_handles_half_of_its_calls(answers):
    account = SimulatedAccount(start=START, ai_agent=True, ai_answers=answers)
    (number,) = (number for number in account.numbers.values() if number.has_ai_agent)
    assert number.popularity == min(number.popularity for number in account.numbers.values())
    number.opening, number.is_open, number.popularity = None, True, 1
    account.advance(START + 40_000)
    calls = [call for call in account.calls.values() if call.ai_agents and call.ended_at]
    handled = [call for call in calls if recount.by_ai_agent(call)]
    answered = [call for call in calls if call.user]
    assert {call.number for call in calls} == {number}
    assert answered
    assert len(handled) + len(answered) + len(recount.missed(calls)) == len(calls)
    assert 0.2 < len(handled) / len(calls) < 0.8
    for call in calls:
        (session,) = call.ai_agents
        assert session.ended_at
        assert session.started_at - call.started_at in (1, 2)
        assert 19 <= session.ended_at - session.started_at <= 61
        assert session.escalated == (call not in handled)
        assert (call.answered_at == session.started_at) == answers


def test_default_company_has_no_ai_agent():
    account = SimulatedAccount(calls_per_hour=0)
    assert not any(number.has_ai_agent for number in account.numbers.values())
