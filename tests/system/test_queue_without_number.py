"""Waiting calls without a number, and calls in which a nested object is malformed."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from exporter.simulator import faults
from exporter.simulator.faults import Fault
from exporter.simulator.models import SimulatedCall
from exporter.simulator.simulation import SimulatedAccount
from harness.scrape import Scrape
from harness.simulated_time import NOON, Polled, polled
from tests.support.webhook_world import polled_with_events

CALLER = "+33 1 11 11 11 11"
NO_NUMBER = {"number_id": "", "number": ""}
BAD_OBJECTS: tuple[object, ...] = (
    {},
    {"id": None},
    {"id": "12"},
    {"id": -1},
    {"id": 2**70},
    {"name": "No id"},
    "text",
    7,
    [],
    [{"id": 5}],
    True,
)


def queue(scrape: Scrape, **number: str) -> tuple[float | None, float | None, int, int]:
    """Return a number's waiting calls and longest wait, and how many calls have a wait and a level."""
    return (
        scrape.value("aircall_queue_calls", **number),
        scrape.value("aircall_queue_longest_wait_seconds", **number),
        len(scrape.all("aircall_queue_call_wait_seconds", **number)),
        len(scrape.all("aircall_queue_call_wait_level", **number)),
    )


def test_queue_call_without_number_has_empty_labels_until_it_ends(world: Polled) -> None:
    assert not world.scrape().all("aircall_queue_calls", number_id="")
    first = world.account.ring_in(None, CALLER, at=world.time.now)
    world.live(60)
    world.poll()
    calls, wait, *per_call = queue(world.scrape(), **NO_NUMBER)
    assert (calls, per_call) == (1, [1, 1])
    assert wait == pytest.approx(world.time.now - first.started_at)
    world.account.miss(first.id, "abandoned_in_classic")
    world.poll()
    assert queue(world.scrape(), **NO_NUMBER) == (0, 0, 0, 0)
    assert world.scrape().value("aircall_calls_total", outcome="missed", **NO_NUMBER) == 1


def test_queue_call_without_number_is_in_no_number_family(world: Polled) -> None:
    world.account.ring_in(None, CALLER, at=world.time.now)
    world.poll()
    scrape = world.scrape()
    for name in scrape.samples:
        if name.startswith("aircall_number_"):
            assert "" not in scrape.labels(name, "number_id"), name


def test_queue_call_on_unlisted_number_is_shown_by_its_id(account: SimulatedAccount) -> None:
    listed, hidden = list(account.numbers.values())[:2]

    def without(content: dict[str, Any]) -> None:
        if "numbers" in content:
            content["numbers"] = [number for number in content["numbers"] if number["id"] != hidden.id]

    def nameless(content: dict[str, Any]) -> None:
        for call in content.get("calls", ()):
            call["number"] = {"id": call["number"]["id"], "name": None}

    with polled(account, served={"faults": [Fault(lambda _: True, faults.edited(without))]}) as world:
        world.aircall.faults.append(Fault(lambda path: path == "/v1/calls", faults.edited(nameless)))
        world.live_until_complete()
        account.ring_in(hidden.id, CALLER, at=world.time.now)
        account.ring_in(listed.id, CALLER)
        world.poll()
        scrape = world.scrape()
        assert queue(scrape, number_id=str(hidden.id), number=f"number {hidden.id}")[0] == 1
        assert queue(scrape, number_id=str(listed.id), number=listed.name)[0] == 1


def spoiled(field: str, value: object) -> Callable[[Any], None]:
    """Replace a field of each call in an answer."""

    def change(content: Any) -> None:
        for call in content.get("calls", [content.get("call", {})]):
            call[field] = value

    return change


@pytest.fixture(params=BAD_OBJECTS, ids=repr)
def bad(request: pytest.FixtureRequest) -> object:
    return request.param


@pytest.fixture
def live() -> Iterator[tuple[Polled, SimulatedCall, SimulatedCall]]:
    """Return a world in which one caller waits and one user talks."""
    account = SimulatedAccount(users=3, calls_per_hour=0, start=NOON)
    number = next(iter(account.numbers))
    with polled(account) as world:
        world.live_until_complete()
        waiting = account.ring_in(number, CALLER, at=world.time.now)
        talking = account.ring_in(number, "+33 2 22 22 22 22")
        account.answer(talking.id, next(iter(account.users)))
        yield world, waiting, talking


def calls_only(path: str) -> bool:
    return path.startswith("/v1/calls")


def test_call_with_bad_nested_number_waits_without_a_number(live: Any, bad: object) -> None:
    world, _, talking = live
    world.aircall.faults.append(Fault(calls_only, faults.edited(spoiled("number", bad))))
    world.poll()
    scrape = world.scrape()
    assert queue(scrape, **NO_NUMBER)[0] == 1
    assert scrape.all("aircall_user_current_call_seconds", user_id=talking.user_id, **NO_NUMBER)
    assert scrape.value("aircall_malformed_objects_total", kind="number") >= 2
    assert scrape.value("aircall_malformed_objects_total", kind="call") == 0


def test_call_with_bad_nested_user_is_counted_without_a_user(live: Any, bad: object) -> None:
    world, waiting, talking = live
    world.aircall.faults.append(Fault(calls_only, faults.edited(spoiled("user", bad))))
    world.poll()
    scrape = world.scrape()
    assert queue(scrape, number_id=str(waiting.number_id))[0] == 1
    assert not scrape.all("aircall_user_current_call_seconds")
    assert scrape.value("aircall_malformed_objects_total", kind="user") >= 2
    world.account.hang_up(talking.id)
    world.live(120)
    calls = world.scrape().all("aircall_calls_total", outcome="answered")
    assert {dict(labels)["user_id"] for labels, value in calls.items() if value} == {""}


@pytest.mark.parametrize("field", ["user", "number"])
def test_call_whose_nested_object_turns_bad_keeps_the_known_one(live: Any, field: str) -> None:
    world, waiting, talking = live
    world.poll()
    known = world.scrape().all("aircall_user_current_call_seconds").keys()
    assert known
    world.aircall.faults.append(Fault(calls_only, faults.edited(spoiled(field, {"id": None}))))
    world.poll()
    scrape = world.scrape()
    assert scrape.all("aircall_user_current_call_seconds").keys() == known
    assert queue(scrape, number_id=str(waiting.number_id))[0] == 1
    world.account.hang_up(talking.id)
    world.live(120)
    labels = {"user_id": talking.user_id, "number_id": talking.number_id}
    assert world.scrape().value("aircall_calls_total", direction="inbound", outcome="answered", **labels) == 1


@pytest.mark.parametrize(
    ("field", "value"), [("raw_digits", 33111), ("raw_digits", []), ("missed_call_reason", {})], ids=str
)
def test_call_with_a_bad_text_field_is_shown_without_it(live: Any, field: str, value: object) -> None:
    world, waiting, _ = live
    world.aircall.faults.append(Fault(calls_only, faults.edited(spoiled(field, value))))
    world.poll()
    assert queue(world.scrape(), number_id=str(waiting.number_id))[0] == 1


def test_queue_event_about_a_call_without_number_shows_at_once(account: SimulatedAccount) -> None:
    with polled_with_events(account) as world:
        world.live_until_complete()
        account.ring_in(None, CALLER, at=world.time.now)
        world.deliver()
        assert queue(world.scrape(), **NO_NUMBER)[0] == 1
