"""Whether numbers are open, by the list of numbers and by events."""

from collections.abc import Iterator

import pytest

from exporter.simulator.models import SimulatedNumber
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, polled
from tests.support.webhook_posts import event, post
from tests.support.webhook_world import PolledWithEvents, at, fed_by_events, polled_with_events

HOUR = 3600


@pytest.fixture
def number(account: SimulatedAccount) -> SimulatedNumber:
    return next(number for number in account.numbers.values() if number.opening is not None)


@pytest.fixture
def world(account: SimulatedAccount) -> Iterator[PolledWithEvents]:
    """Run an exporter of the quiet company that receives events and no longer polls."""
    with fed_by_events(account) as world:
        yield world


def test_number_open_as_listed_is_1_or_0(account: SimulatedAccount, number: SimulatedNumber) -> None:
    closed, *_ = (each for each in account.numbers.values() if each is not number)
    account.close_number(closed.id)
    with polled(account) as world:
        world.live_until_complete()
        scrape = world.scrape()
        assert scrape.value("aircall_number_open", number_id=number.id) == 1
        assert scrape.value("aircall_number_open", number_id=closed.id) == 0
        number.is_open = False
        world.poller.refresh()
        world.live(30)
        assert world.scrape().value("aircall_number_open", number_id=number.id) == 0


def test_number_open_after_an_event_changes_at_once(
    world: PolledWithEvents, account: SimulatedAccount, number: SimulatedNumber
) -> None:
    for change, expected in ((account.close_number, 0), (account.open_number, 1)):
        change(number.id, at=world.time.now + 10, by_hours=True)
        assert at(world, 11).value("aircall_number_open", number_id=number.id) == expected
    assert not account.numbers[number.id].forced


def test_number_open_after_an_older_event_stays(world: PolledWithEvents, number: SimulatedNumber) -> None:
    for name, ago in (("number.closed", 0), ("number.opened", 60)):
        timestamp = int(world.time.now) - ago
        assert post(world, event(world, event=name, timestamp=timestamp, data={"id": number.id})) == 200
    scrape = at(world, 1)
    assert scrape.value("aircall_number_open", number_id=number.id) == 0
    results = scrape.all("aircall_webhook_events_total", event="number.opened")
    assert {dict(labels)["result"] for labels, count in results.items() if count} == {"out_of_order"}


def test_number_open_event_about_an_unknown_number_shows_nothing(world: PolledWithEvents) -> None:
    post(world, event(world, event="number.opened", data={"id": 99}))
    assert not at(world, 1).all("aircall_number_open", number_id=99)


def test_number_created_or_deleted_by_event_appears_or_disappears_within_seconds(
    account: SimulatedAccount,
) -> None:
    with polled_with_events(account) as world:
        world.live_until_complete()
        world.live(120)
        number = account.add_number("Hotline", "+33 1 00 00 00 00", "FR", "Europe/Paris")
        world.live(5)
        shown = world.scrape().labels("aircall_number_info", "number", number_id=number.id)
        assert shown == {"Hotline"}
        world.live(120)
        account.remove_number(number.id)
        world.live(10)
        scrape = world.scrape()
        assert not scrape.all("aircall_number_info", number_id=number.id)
        assert not scrape.all("aircall_number_open", number_id=number.id)


def test_number_open_in_a_busy_company_follows_the_opening_hours() -> None:
    account = SimulatedAccount(users=6, calls_per_hour=30, start=NOON)
    seen: dict[int, set[bool]] = {id_: set() for id_ in account.numbers}
    with polled_with_events(account) as world:
        world.live_until_complete()
        world.poller.tasks.enabled = ()
        for _ in range(24):
            scrape = at(world, HOUR)
            for number in account.numbers.values():
                seen[number.id].add(number.is_open)
                assert scrape.value("aircall_number_open", number_id=number.id) == number.is_open
    assert {id_ for id_, states in seen.items() if len(states) == 2} == {
        number.id for number in account.numbers.values() if number.opening is not None
    }
