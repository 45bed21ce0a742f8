"""Tests of texts and values from Aircall that are too long or too many."""

import tracemalloc
from collections import Counter
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from exporter.account.reference_data import ReferenceData
from exporter.aircall import data_limits
from exporter.aircall.call_decoding import decode_calls
from exporter.aircall.decoding import decode_page
from exporter.aircall.models import User
from exporter.archive.store import Archive
from exporter.simulator.simulation import SimulatedAccount
from harness.scrape import Scrape
from harness.simulated_time import NOON, Polled, polled

EXCEEDED = "aircall_exporter_limit_exceeded_total"


def warned(lines: list[Any], limit: str) -> int:
    return sum(line.get("limit") == limit and line["log_level"] == "warning" for line in lines)


LONG = "x" * 100_000


@pytest.mark.parametrize("field", ["name", "time_zone", "language"])
def test_user_text_that_is_too_long_is_cut(field: str) -> None:
    page = decode_page(b'{"users": [{"id": 1, "%s": "%s"}]}' % (field.encode(), LONG.encode()), "users", User)
    assert len(getattr(page.items[0], field)) == data_limits.MAX_TEXT_LENGTH
    assert page.exceeded == Counter(text_length=1)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("raw_digits", LONG),
        ("missed_call_reason", LONG),
        ("status", LONG),
        ("recording", LONG),
        ("voicemail", LONG),
        ("asset", LONG),
        ("tags", [{"name": LONG}]),
        ("tags", [{"name": str(i)} for i in range(10_000)]),
        ("comments", [{"content": LONG, "posted_at": LONG}]),
        ("comments", [{"content": str(i)} for i in range(10_000)]),
        ("assigned_to", {"id": 7, "name": LONG}),
        ("teams", [{"id": i} for i in range(100_000)]),
        ("external_transferred_to", LONG),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 50 else "",
)
@pytest.mark.parametrize("status", ["answered", "done"])
def test_call_with_too_large_fields_takes_little_memory(field: str, value: object, status: str) -> None:
    call = {"id": 1, "direction": "inbound", "status": status, "started_at": NOON, field: value}
    body = msgspec.json.encode({"calls": [call | {"started_at": int(NOON)}]})
    decode_calls(body)  # fills caches
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    page = decode_calls(body)
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert len(page.items) == 1
    assert taken < 60_000


def test_missed_call_reasons_without_end_become_other() -> None:
    reasons = 200
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    number = next(iter(account.numbers))
    with capture_logs() as lines, polled(account, served={"rate_limit": 6000}) as world:
        for position in range(reasons):
            call = account.ring_in(number, "+33 1", at=NOON + position / 50)
            account.miss(call.id, f"reason {position}")
        world.time.now = account.now
        world.live_until_complete()
        world.live(60)
        scrape = world.scrape()
        for family in ("aircall_missed_calls_total", "aircall_number_period_missed_calls"):
            assert len(scrape.labels(family, "reason")) <= data_limits.MAX_WORDS + 10
        assert scrape.sum("aircall_missed_calls_total") == reasons
        assert scrape.number("aircall_missed_calls_total", number_id=number, reason="other") >= 100
        assert scrape.number(EXCEEDED, limit="missed_call_reasons") >= 100
    assert warned(lines, "missed_call_reasons") == 1


def test_missed_call_reasons_after_a_restart_stay_apart(tmp_path: Any) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    number = next(iter(account.numbers))
    database = f"sqlite:///{tmp_path}/archive.sqlite"

    def missed(world: Polled, reason: str) -> Scrape:
        call = account.ring_in(number, "+33 1", at=world.time.now)
        account.miss(call.id, reason)
        world.live(60)
        return world.scrape()

    with polled(account, served={"rate_limit": 6000}, archive=Archive(database)) as world:
        world.live_until_complete()
        for position in range(data_limits.MAX_WORDS + 5):
            call = account.ring_in(number, "+33 1", at=world.time.now)
            account.miss(call.id, f"reason {position}")
        before = missed(world, "reason 3").all("aircall_missed_calls_total", number_id=number)
    with polled(account, served={"rate_limit": 6000}, archive=Archive(database)) as world:
        world.live_until_complete()
        after = missed(world, "reason 3").all("aircall_missed_calls_total", number_id=number)
    grown = {dict(labels)["reason"]: after[labels] - before.get(labels, 0) for labels in after}
    assert {reason: times for reason, times in grown.items() if times} == {"reason 3": 1}


def test_substatuses_and_availabilities_without_end_become_other() -> None:
    lists = ReferenceData(set())
    for user in range(1, 1000):
        lists.apply_availability(user, f"word {user}", 0.0)
        lists.apply_substatus(user, f"reason {user}", 0.0)
    assert len(lists.presence.unknown_states) <= data_limits.MAX_WORDS + 1
    substatuses = {presence.substatus for presence in lists.presence.users.values()}
    assert substatuses == {*(f"reason_{user}" for user in range(1, data_limits.MAX_WORDS + 1)), "other"}
    assert lists.limits["substatuses"] > 900
    assert lists.limits["availability_words"] > 900
