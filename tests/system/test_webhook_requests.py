"""Requests to the webhook: which are refused, and what is counted."""

from collections.abc import Iterator

import msgspec
import pytest
from structlog.testing import capture_logs

from exporter.aircall.events import EVENTS, OTHER_EVENTS, USER_EVENTS
from exporter.config.settings import Webhook
from exporter.simulator.simulation import SimulatedAccount
from exporter.webhooks.metrics import MAX_UNKNOWN_NAMES
from exporter.webhooks.receiver import MAX_BODY_BYTES
from harness.simulated_time import NOON
from tests.support.webhook_posts import event, post
from tests.support.webhook_world import TOKEN, PolledWithEvents, at, fed_by_events, results, state


@pytest.fixture
def world(account: SimulatedAccount) -> Iterator[PolledWithEvents]:
    """Run an exporter of the quiet company that receives events and no longer polls."""
    with fed_by_events(account) as world:
        yield world


@pytest.mark.parametrize(
    "token", ["", "another token", TOKEN + "x", TOKEN[:-1], "ä", None, 7, [TOKEN], {"token": TOKEN}], ids=repr
)
def test_webhook_wrong_token_is_refused_and_counted(world: PolledWithEvents, token: object) -> None:
    assert post(world, event(world, token)) == 401
    scrape = at(world, 0)
    assert scrape.sum("aircall_queue_calls") == 0
    assert results(scrape) == {"unauthorized": 1}
    assert scrape.value("aircall_webhook_last_event_timestamp_seconds") == NOON


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b'"token"', b"\xff\xfe", b"[" * 100_000],
    ids=["empty", "list", "cut off", "text", "not UTF-8", "deeply nested"],
)
def test_webhook_body_that_is_no_event_is_refused(world: PolledWithEvents, body: bytes) -> None:
    assert post(world, body) == 401
    assert results(at(world, 0)) == {"unauthorized": 1}


def test_webhook_event_sent_again_changes_nothing_and_is_counted(world: PolledWithEvents) -> None:
    created = event(world)
    assert [post(world, created) for _ in range(3)] == [200] * 3
    scrape = at(world, 0)
    assert scrape.sum("aircall_queue_calls") == 1
    assert results(scrape) == {"accepted": 1, "duplicate": 2}


def test_webhook_older_event_that_comes_late_changes_nothing_and_is_counted(world: PolledWithEvents) -> None:
    created = event(world)
    done = {"id": 1, "direction": "inbound", "status": "done", "started_at": int(world.time.now)}
    world.time.now += 10
    post(world, event(world, event="call.hungup", data=done | {"ended_at": int(world.time.now)}))
    at(world, 0)
    post(world, created)
    scrape = at(world, 0)
    assert scrape.sum("aircall_queue_calls") == 0
    assert results(scrape) == {"accepted": 1, "out_of_order": 1}


def test_webhook_event_about_an_old_call_adds_nothing_to_the_queue(world: PolledWithEvents) -> None:
    long_ago = {"id": 1, "direction": "inbound", "status": "initial", "started_at": int(NOON) - 9000}
    post(world, event(world, timestamp=int(NOON) - 9000, data=long_ago))
    scrape = at(world, 10)  # it is requested by its id, and does not exist
    assert scrape.sum("aircall_queue_calls") == 0
    assert results(scrape) == {"accepted": 1}


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        ({"event": "call.something_new"}, "ignored"),
        ({"event": "contact.created"}, "ignored"),
        ({"event": None}, "ignored"),
        ({"data": None}, "malformed"),
        ({"data": {"id": "one"}}, "malformed"),
        ({"timestamp": None}, "malformed"),
        ({"timestamp": "soon"}, "malformed"),
        ({"event": "user.opened.v2", "data": {"id": -1}}, "malformed"),
    ],
    ids=repr,
)
def test_webhook_unusable_event_is_answered_200_and_counted(
    world: PolledWithEvents, changes: dict[str, object], result: str
) -> None:
    assert post(world, event(world, **changes)) == 200  # otherwise Aircall would send it again
    scrape = at(world, 0)
    assert results(scrape) == {result: 1}
    assert scrape.sum("aircall_queue_calls") == 0


@pytest.mark.parametrize(
    ("sent", "counted"),
    [
        ("contact.created", "contact.created"),
        ("ai_voice_agent.summary", "ai_voice_agent.summary"),
        ("realtime_transcription.utterances_received", "realtime_transcription.utterances_received"),
        ("call.something_new.v2", "call.something_new"),
        ("call.\n", "other"),
        ("x" * 1000, "other"),
        (None, "other"),
    ],
)
def test_webhook_event_that_is_not_used_is_counted_by_name_if_that_is_valid(
    world: PolledWithEvents, sent: str | None, counted: str
) -> None:
    assert post(world, event(world, event=sent)) == 200
    deliveries = at(world, 0).all("aircall_webhook_events_total")
    found = {(dict(labels)["event"], dict(labels)["result"]) for labels, count in deliveries.items() if count}
    assert found == {(counted, "ignored")}


def test_webhook_unknown_events_are_counted_by_a_limited_number_of_names(world: PolledWithEvents) -> None:
    with capture_logs() as lines:
        for number in (*range(MAX_UNKNOWN_NAMES + 3), 0):
            assert post(world, event(world, event=f"call.new_{number}")) == 200
    scrape = at(world, 0)
    by_name = {
        name: scrape.number("aircall_webhook_events_total", event=name, result="ignored")
        for name in ("call.new_0", f"call.new_{MAX_UNKNOWN_NAMES - 1}", "other")
    }
    assert list(by_name.values()) == [2, 1, 3]
    known = {*EVENTS, *OTHER_EVENTS, "other"}
    assert len(scrape.labels("aircall_webhook_events_total", "event") - known) == MAX_UNKNOWN_NAMES
    logged = [line["name"] for line in lines if line["event"].startswith("event that this version does not")]
    assert logged == [f"call.new_{number}" for number in range(MAX_UNKNOWN_NAMES)]


def test_webhook_documented_events_are_67() -> None:
    versioned = [f"{name}.v2" for name in USER_EVENTS]
    assert len({*EVENTS, *OTHER_EVENTS, *versioned}) == 67


def test_webhook_event_of_version_1_and_in_milliseconds_is_applied(
    world: PolledWithEvents, account: SimulatedAccount
) -> None:
    user = next(iter(account.users))
    now = int(world.time.now) + 5
    post(world, event(world, event="user.closed", timestamp=1000 * now, data={"id": user}))
    assert state(at(world, 6), user) == {"do_not_disturb"}
    post(world, event(world, event="user.opened.v2", timestamp=now + 1, data={"id": user}))
    assert state(at(world, 1), user) == {"available"}


def test_webhook_body_that_is_too_large_is_refused(world: PolledWithEvents) -> None:
    assert post(world, event(world, padding="x" * MAX_BODY_BYTES)) == 413
    assert results(at(world, 0)) == {"too_large": 1}


def test_webhook_full_inbox_answers_503_and_accepts_the_events_later(world: PolledWithEvents) -> None:
    world.inbox._queue.maxsize = 3
    events = [event(world, timestamp=int(world.time.now) - later) for later in range(5)]
    assert [post(world, each) for each in events] == [200, 200, 200, 503, 503]
    assert world.scrape().value("aircall_webhook_pending_events") == 3
    assert results(at(world, 0))["overflow"] == 2
    assert [post(world, each) for each in events] == [200] * 5
    assert results(at(world, 0))["duplicate"] == 3


def test_webhook_with_two_tokens_accepts_both(world: PolledWithEvents) -> None:
    for tokens, statuses in (
        ((TOKEN,), [200, 401]),
        (("the new one", TOKEN), [200, 200]),
        (("the new one",), [401, 200]),
    ):
        world.settings = msgspec.structs.replace(world.settings, webhook=Webhook(token=tokens))
        assert [post(world, event(world, token)) for token in (TOKEN, "the new one")] == statuses
