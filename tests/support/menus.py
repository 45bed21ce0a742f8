"""Callers in menus, and how the exporter shows them."""

from sqlalchemy import create_engine, select

from exporter.archive import schema
from exporter.simulator.models import SimulatedCall
from exporter.simulator.simulation import SimulatedAccount
from harness.scrape import Scrape
from harness.simulated_time import Polled
from tests.support.calls import some_number

CALLER = "+33 1 11 11 11 11"


def answered_after_menu(world: Polled) -> int:
    """Let a caller choose in the menu of a number and be answered. Returns the number."""
    account, now = world.account, world.time.now
    number, users = some_number(account)
    call = account.ring_in(number, CALLER, at=now)
    account.select_option(call.id, "Sales", "1", at=now + 6)
    account.answer(call.id, users[0], at=now + 10)
    account.hang_up(call.id, at=now + 20)
    world.live(30)
    return number


def stage(scrape: Scrape, call: SimulatedCall) -> set[str]:
    """Return the stages in which a call is shown."""
    return scrape.labels("aircall_queue_call_info", "stage", call_id=call.id)


def queue(scrape: Scrape, number: int) -> tuple[float | None, float | None, float | None]:
    """Return how many callers wait, the longest wait, and how many are in a menu."""
    return (
        scrape.value("aircall_queue_calls", number_id=number),
        scrape.value("aircall_queue_longest_wait_seconds", number_id=number),
        scrape.value("aircall_queue_menu_calls", number_id=number),
    )


class ShortCalls(SimulatedAccount):
    """A company with short calls, which soon all have ended."""

    talk_scale = 0.3


def left_menu(url: str) -> dict[int, int | None]:
    """Return when callers left the menu, by the id of the archived call."""
    engine = create_engine(url)
    with engine.connect() as connection:
        found = dict(connection.execute(select(schema.calls.c.id, schema.calls.c.left_menu_at)).all())
    engine.dispose()
    return found
