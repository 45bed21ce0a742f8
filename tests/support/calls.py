"""Stage calls on the simulated account, and deliver events about them."""

from typing import Any

from exporter.aircall.events import Event
from exporter.aircall.models import Call, CallDetails, CallWithDetails, Ref
from exporter.archive.store import Archive
from exporter.simulator.models import SimulatedCall
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, Polled, polled

HOUR = 3600


def missed_call(account: SimulatedAccount, at: float, seconds: int = 5) -> SimulatedCall:
    call = account.ring_in(next(iter(account.numbers)), "+33 1 11 11 11 11", at=at)
    account.miss(call.id, "short_abandoned", at=at + seconds)
    return call


def call_event(name: str, call: SimulatedCall, at: float) -> Event:
    """Return the event by which Aircall reports a call as it is now."""
    assert call.number
    reported = Call(
        call.id,
        call.direction,
        call.status,
        call.started_at,
        call.answered_at,
        call.ended_at,
        call.missed_call_reason,
        call.raw_digits,
        Ref(call.user.id) if call.user else None,
        Ref(call.number.id),
    )
    return Event(name, at, CallWithDetails(reported, CallDetails()))


def apply_event(world: Polled, event: Event) -> None:
    world.poller.apply_events([event], lambda *_: None)


def calls_total(world: Polled) -> float:
    return world.scrape().sum("aircall_calls_total")


def finished(account: SimulatedAccount, since: float = NOON - 900) -> list[SimulatedCall]:
    return [c for c in account.calls.values() if c.ended_at is not None and c.started_at >= since]


def live(database: str, account: SimulatedAccount, seconds: float, **settings: Any) -> float:
    """Run an exporter for `seconds` of simulated time. Returns its counted calls at the end."""
    with polled(account, archive=Archive(database), **settings) as world:
        world.live(seconds)
        return world.scrape().sum("aircall_calls_total")


def some_number(account: SimulatedAccount) -> tuple[int, list[int]]:
    """Return a number and its users."""
    number = next(number for number in account.numbers.values() if number.user_ids)
    return number.id, sorted(number.user_ids)
