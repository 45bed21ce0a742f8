"""The number of series is bounded for each label whose values come from Aircall or from webhooks."""

import itertools
from collections import defaultdict
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from exporter.account import id_limits
from exporter.account.account import Account
from exporter.account.counter_totals import team_increments
from exporter.account.event_processor import EventProcessor
from exporter.account.records import Batch, CallRecord, CountedCall, Counting
from exporter.aircall.data_limits import LIMITS
from exporter.aircall.events import EVENTS, OTHER_EVENTS, Delivery, Event
from exporter.aircall.models import Call, CallDetails
from exporter.archive.store import Archive
from exporter.config.settings import Settings
from exporter.simulator import faults
from exporter.simulator.faults import Fault
from exporter.simulator.simulation import SimulatedAccount
from exporter.webhooks.metrics import MAX_UNKNOWN_NAMES
from harness.scrape import Scrape
from harness.simulated_time import NOON, Polled, polled
from scripts.reference import metrics_page

EXCEEDED = "aircall_exporter_limit_exceeded_total"
UNLISTED, IDENTITIES, PAIRS, OBJECTS, ASSIGNED, WORDS = 15, 60, 70, 40, 30, 5
SHOWN = OBJECTS + IDENTITIES + 2
"""Listed objects, those with counters, `others` and none."""

MAX_VALUES = {
    "user_id": SHOWN,
    "user": SHOWN,
    "display_name": SHOWN,
    "number_id": SHOWN + ASSIGNED,
    "number": SHOWN + ASSIGNED,
    "team_id": SHOWN,
    "team": SHOWN,
    "digits": OBJECTS + 1,
    "country": OBJECTS + 1,
    "time_zone": 2 * OBJECTS + 1,
    "language": OBJECTS + 1,
    "reason": WORDS + 8,
    "substatus": WORDS + 8,
    "state": 6,
    "direction": 2,
    "outcome": 3,
    "kpi": 8,
    "level": 2,
    "kind": 6,
    "board": 2,
    "limit": len(LIMITS),
    "field": WORDS + 1,
    "endpoint": 20,
    "code": 20,
    "event": len(EVENTS) + len(OTHER_EVENTS) + 1 + MAX_UNKNOWN_NAMES,
    "call_id": 400,
    "caller": 400,
}
"""How many values each label may have in the test: those that Aircall or an event determines.
`call_id` and `caller` are those of calls in progress, whose number the memory for calls limits."""

CHOSEN = {
    "version",
    "period",
    "stage",
    "python",
    "dataset",
    "list",
    "result",
    "thread",
    "le",
    "quantile",
    "method",
    "voicemail",
}
"""Labels whose values the exporter chooses."""


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set limits that a small account can exceed."""
    for module, limits in {
        "exporter.account.id_limits": {
            "MAX_UNLISTED": UNLISTED,
            "MAX_IDENTITIES": IDENTITIES,
            "MAX_PAIRS": PAIRS,
        },
        "exporter.account.reference_data": {"MAX_OBJECTS": OBJECTS, "MAX_ASSIGNMENTS": ASSIGNED},
        "exporter.aircall.data_limits": {"MAX_WORDS": WORDS},
    }.items():
        for name, most in limits.items():
            monkeypatch.setattr(f"{module}.{name}", most)


NEW = itertools.count(10**9)


def unlisted(kind: str) -> dict[str, Any]:
    """Return an object that no list has, in which each text is new."""
    id_ = next(NEW)
    texts = ("name", "substatus", "availability", "digits", "country", "time_zone", "language")
    return {"id": id_, f"new field {id_}": 1} | {name: f"{kind} {name} {id_}" for name in texts}


def unlisted_call(call: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return another call at the same time, of another user on another number and for another reason."""
    id_ = next(NEW)
    objects = {"id": id_, "user": unlisted("user"), "number": unlisted("number"), "raw_digits": f"+{id_}"}
    reason = {"missed_call_reason": f"reason {id_}"} if call.get("missed_call_reason") else {}
    return call | objects | reason | {"teams": [unlisted("team")]} | changes


def flood(content: Any) -> None:
    """Put unlisted objects and new words into each response."""
    for key in ("users", "teams", "numbers"):
        if isinstance(content.get(key), list):
            content[key] = [unlisted(key) | {"users": [unlisted("user")]} for _ in range(20)]
    for key in ("number", "user"):
        if isinstance(content.get(key), dict):
            content[key] |= {"users": [unlisted("user")], "numbers": [unlisted("number")]}
    if "calls" in content:
        content["calls"] = [unlisted_call(call) for call in content["calls"] for _ in range(2)]


def events(at: float) -> list[Event]:
    """Return an event of each kind, about a new call or an unlisted user."""
    call = {"direction": "inbound", "status": "done", "started_at": int(at) - 9, "ended_at": int(at)}
    bodies = [
        {"event": name, "timestamp": at, "data": unlisted_call(call) if "call." in name else unlisted("user")}
        for name in (*EVENTS, f"event {next(NEW)}")
    ]
    found = (Delivery(msgspec.json.encode(body)).event() for body in bodies)
    return [event for event in found if event is not None and event.name in EVENTS]


def values(scrape: Scrape) -> dict[str, set[str]]:
    """Return the values of each label in a scrape."""
    found: dict[str, set[str]] = defaultdict(set)
    for series in scrape.samples.values():
        for labels in series:
            for label, value in labels:
                found[label].add(value)
    return found


def test_labels_of_all_metrics_are_bounded_or_chosen_by_the_exporter() -> None:
    rows = [line.split("|") for line in metrics_page().splitlines() if line.startswith("| `aircall_")]
    labels = {label for row in rows for label in row[3].replace("`", "").replace(",", "").split()}
    assert labels - {"–"} <= MAX_VALUES.keys() | CHOSEN


def test_labels_with_a_flood_of_unlisted_objects_have_a_bounded_number_of_values(small: None) -> None:
    account = SimulatedAccount(users=12, calls_per_hour=900, seed=3, start=NOON)
    with capture_logs() as lines, polled(account, served={"rate_limit": 600}) as world:
        world.live_until_complete()
        world.aircall.faults.append(Fault(lambda _: True, faults.edited(flood)))
        for _ in range(8):
            world.live(30)
            world.poller.refresh()
            world.poller.apply_events(events(world.time.now), lambda *_: None)
            found = values(world.scrape())
            too_many = {label: len(of) for label, of in found.items() if len(of) > MAX_VALUES.get(label, 30)}
            assert not too_many
        for limit in ("users", "numbers", "call_users", "call_numbers", "missed_call_reasons"):
            assert world.scrape().number(EXCEEDED, limit=limit) >= 1, limit
            assert sum(line.get("limit") == limit for line in lines) == 1


def growth(before: Scrape, after: Scrape, name: str) -> float:
    """Return the growth of a counter over all series, none of which may have fallen or ended."""
    then, now = before.all(name), after.all(name)
    for series, value in then.items():
        assert value <= now.get(series, 0), dict(series)
    return sum(now.values()) - sum(then.values())


def end_calls(world: Polled, calls: int) -> tuple[int, Scrape]:
    """Let `calls` calls end. Returns how many were answered, and a scrape after them."""
    account = world.account
    user, number = next(iter(account.users)), next(iter(account.numbers))
    for position in range(calls):
        call = account.ring_in(number, "+33 1", at=world.time.now)
        if position % 2:
            account.answer(call.id, user)
            account.hang_up(call.id)
        else:
            account.miss(call.id, "no_available_agent")
    world.live(60)
    return calls // 2, world.scrape()


def test_calls_of_unlisted_users_and_numbers_are_counted_once_in_bounded_series(
    small: None, tmp_path: Path
) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    database = f"sqlite:///{tmp_path}/archive.sqlite"
    by_id: dict[int, dict[str, Any]] = {}

    def edit(content: Any) -> None:
        content["calls"] = [
            call
            | {"number": by_id.setdefault(call["id"], unlisted("number"))}
            | ({"user": {"id": 7 * 10**9 + call["id"]}} if call["user"] else {})
            for call in content["calls"]
        ]

    served = {"rate_limit": 6000, "faults": [Fault(lambda path: path == "/v1/calls", faults.edited(edit))]}
    with capture_logs() as lines, polled(account, served=served, archive=Archive(database)) as world:
        world.live_until_complete()
        before = world.scrape()
        for _ in range(3):
            answered, after = end_calls(world, 40)
            assert growth(before, after, "aircall_calls_total") == 40
            assert growth(before, after, "aircall_missed_calls_total") == 40 - answered
            assert growth(before, after, "aircall_call_answer_seconds_count") == answered
            assert growth(before, after, "aircall_user_answer_seconds_count") == answered
            before = after
    for limit in ("call_users", "call_numbers"):
        assert before.number(EXCEEDED, limit=limit) > 0
        assert sum(line.get("limit") == limit and line["log_level"] == "warning" for line in lines) == 1
    listed = len(account.numbers)
    with polled(account, served=served, archive=Archive(database)) as world:
        world.live_until_complete()
        world.live(30)
        assert growth(before, world.scrape(), "aircall_calls_total") == 0
        _, after = end_calls(world, 40)
        assert growth(before, after, "aircall_calls_total") == 40
        assert len(after.labels("aircall_calls_total", "number_id")) <= listed + 2 * UNLISTED + 2
        assert (
            after.number("aircall_missed_calls_total", number_id="others", reason="no_available_agent") > 50
        )
        assert after.sum("aircall_calls_total", user_id="others") > 30
        keys = [key for key, _ in Archive(database).load().totals]
        assert len({key[1] for key in keys}) <= len(account.users) + listed + 4 * UNLISTED + 4


def test_user_listed_after_the_limit_of_unlisted_users_has_series(small: None) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    renamed = Fault(
        lambda path: path == "/v1/calls",
        faults.edited(
            lambda content: content.update(
                calls=[c | {"user": c["user"] and {"id": 7 * 10**9 + c["id"]}} for c in content["calls"]]
            )
        ),
    )
    with polled(account, served={"rate_limit": 6000, "faults": [renamed]}) as world:
        world.live_until_complete()
        end_calls(world, 4 * UNLISTED)
        world.aircall.faults.clear()
        before = world.scrape()
        answered, after = end_calls(world, 10)
        user = str(next(iter(account.users)))
        assert after.sum("aircall_calls_total", user_id=user) == answered
        assert growth(before, after, "aircall_calls_total") == 10


def test_pairs_of_users_and_numbers_beyond_the_limit_keep_their_user(small: None) -> None:
    identities = id_limits.Identities(Account(Settings()).reference_data)
    keys = {
        identities.key(("calls", str(user), str(number), "inbound", "answered"))
        for user in range(UNLISTED)
        for number in range(UNLISTED)
    }
    assert len(keys) == PAIRS + UNLISTED - PAIRS // UNLISTED
    assert {key[1] for key in keys} == set(map(str, range(UNLISTED)))


def test_calls_of_teams_beyond_the_limit_are_counted_as_others(small: None) -> None:
    lists, archive = Account(Settings()).reference_data, Archive("sqlite://")
    identities = id_limits.Identities(lists)
    for team in range(IDENTITIES + 3):
        lists.directory.add_team(team, None, ())
    archive.load()
    call = Call(1, "outbound", "done", int(NOON), ended_at=int(NOON) + 1)
    teams = team_increments(call, map(str, range(IDENTITIES + 3)), ())
    added = tuple((identities.key(key), count) for key, count in teams)
    counting = Counting(0.0)
    record = CallRecord(call, CallDetails(), "full")
    archive.save(Batch({1: record}, [CountedCall(call, "counted", ())], counting=counting))
    saved = archive.save(Batch({}, [CountedCall(call, "counted_for_teams", added)], counting=counting))
    assert len(saved.totals) == IDENTITIES + 1
    assert saved.totals["team_calls", "others", "outbound", "unanswered"] == 3


def test_events_about_new_calls_with_full_memory_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.account.account.MAX_CALLS", 10)
    account = Account(Settings())
    processor = EventProcessor(account)
    results = [processor.apply(event, NOON) for _ in range(3) for event in events(NOON) if event.call]
    assert len(account.calls.calls) == 10
    assert results.count("ignored") == len(results) - 10
    assert account.limits["calls"] == len(results) - 10
