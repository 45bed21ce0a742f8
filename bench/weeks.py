"""Kill an exporter 50 times in a simulated week: `python -m bench.weeks` prints a table.

The exporter runs in simulated time over real HTTP. It is killed at random statements to its database, and
goes on with what the database has. After each start, the open call-backs are compared with a plain recount
of the account. In the end all counters of calls and call-backs are. A tenth of the callers are anonymous.
"""

import argparse
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import structlog
from sqlalchemy import event

from exporter.archive.caller_key_file import KeyFile
from exporter.archive.store import Archive
from exporter.config.settings import CallBacks, Caller, Refresh
from exporter.durations import Duration
from exporter.simulator import traffic
from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from harness.call_back_checks import (
    assert_ended_call_backs_equal,
    assert_open_call_backs_equal,
    settle,
    state_of,
)
from harness.call_back_recount import Rules
from harness.chaos.database import database
from harness.expected_counts import counted, to_be_counted
from harness.simulated_time import Polled, SimulatedTime

DAY_S = 86_400
RULES = Rules(after=60, expire=DAY_S)
SETTINGS: dict[str, Any] = {
    "call_backs": CallBacks(after=Duration(RULES.after), expire=Duration(RULES.expire)),
    "refresh": Refresh(calls=Duration(60), availabilities=Duration(600)),
}
CALLS_PER_USER = 1.5
"""Calls per hour and user."""

ANONYMOUS_SHARE = 0.1
"""The share of inbound callers who are anonymous."""

STATEMENTS = 400
"""An exporter is killed at one of these next statements, once it is due."""


class Case(NamedTuple):
    """A company and its archive."""

    users: int
    caller: Caller
    kind: str


CASES = (
    Case(24, "full", "sqlite"),
    Case(24, "masked", "postgresql"),
    Case(300, "masked", "sqlite"),
    Case(300, "full", "postgresql"),
)


class KilledError(BaseException):
    """The exporter was killed."""


class MortalArchive(Archive):
    """An archive whose exporter is killed at a statement."""

    statements_left: int | None = None

    def __init__(self, url: str, key_file: KeyFile) -> None:
        super().__init__(url, key_file)
        for name in ("before_cursor_execute", "commit"):
            event.listen(self._engine, name, self._count)

    def _count(self, *_: object) -> None:
        if self.statements_left is not None:
            self.statements_left -= 1
            if self.statements_left < 0:
                raise KilledError


def main() -> int:
    """Run each case. Returns 1 if a figure differs from the recount."""
    parser = argparse.ArgumentParser(prog="python -m bench.weeks", description=__doc__)
    parser.add_argument("--days", type=float, default=7.0, help="(default: %(default)s)")
    parser.add_argument("--kills", type=int, default=50, help="(default: %(default)s)")
    parser.add_argument("--users", type=int, nargs="+", default=[24, 300], help="(default: %(default)s)")
    given = parser.parse_args()
    traffic.ANONYMOUS_SHARE = ANONYMOUS_SHARE
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    print("| users | caller | database | calls | kills | open call-backs compared | ended | minutes |")
    print("| --: | --- | --- | --: | --: | --: | --: | --: |", flush=True)
    for case in CASES:
        if case.users in given.users:
            with TemporaryDirectory() as directory:
                run(case, Path(directory), given.days * DAY_S, given.kills)
    return 0


def run(case: Case, directory: Path, seconds: float, kills: int) -> None:
    """Run a case, and print its row. Raises AssertionError if a figure differs from the recount."""
    chance, begun = Random(1), time.monotonic()  # noqa: S311 (no secret)
    account = SimulatedAccount(
        case.users, CALLS_PER_USER * case.users, seed=11, history=0, repeat_callers=True
    )
    simulated = SimulatedTime(account.now)
    moments = sorted(account.now + chance.uniform(0, seconds) for _ in range(kills))
    compared, end = 0, account.now + seconds
    with (
        database(case.kind, directory) as archive,
        SimulatedAircall(account, clock=simulated, rate_limit=600) as aircall,
    ):
        for moment in moments:
            with exporter(case, archive.url, directory, aircall, simulated) as world:
                compared += live_until_killed(world, moment, chance.randrange(STATEMENTS))
        with exporter(case, archive.url, directory, aircall, simulated) as world:
            world.live_until_complete()
            world.live(max(0.0, end - simulated.now))
            settle(world, 600)
            results = assert_ended_call_backs_equal(world.scrape(), account, state_of(archive.url), RULES)
            assert counted(world.scrape()) == to_be_counted(account), case  # noqa: S101 (the result)
    cells = case.users, case.caller, case.kind, f"{len(account.calls):,}", kills, f"{compared:,}"
    ended, minutes = results.total(), (time.monotonic() - begun) / 60
    print(f"| {' | '.join(map(str, cells))} | {ended:,} | {minutes:.1f} |", flush=True)


@contextmanager
def exporter(
    case: Case, url: str, directory: Path, aircall: SimulatedAircall, simulated: SimulatedTime
) -> Iterator[Polled]:
    """Start an exporter. In the end it is gone, without having saved anything more."""
    archive = MortalArchive(url, KeyFile(directory / "caller.key", made_here=True))
    world = Polled(aircall, simulated, archive, caller=case.caller, **SETTINGS)
    try:
        yield world
    finally:
        world.client.close()
        archive.statements_left = None
        archive.close()


def live_until_killed(world: Polled, moment: float, statements: int) -> int:
    """Compare the open call-backs and go on until the exporter is killed. Returns how many were compared.

    From `moment` on, it is killed after this number of `statements`.
    """
    assert isinstance(world.archive, MortalArchive)  # noqa: S101 (see exporter)
    compared = 0
    try:
        if world.time.now < moment:
            world.live_until_complete()
            world.live(120)
            compared = assert_open_call_backs_equal(world, RULES)
            world.live(max(0.0, moment - world.time.now))
        world.archive.statements_left = statements
        while True:
            world.live(60)
    except KilledError:
        return compared


if __name__ == "__main__":
    sys.exit(main())
