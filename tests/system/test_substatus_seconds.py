"""The time on do not disturb by reason: compared with the account, without data, and over restarts."""

from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from exporter.archive.store import Archive
from exporter.simulator.faults import Fault, answer
from exporter.simulator.simulation import SimulatedAccount
from harness.process import Process
from harness.scrape import Labels, Scrape
from harness.simulated_time import Polled, polled
from harness.unavailable_archive import UnavailableArchive
from tests.support.request_driven_company import Company
from tests.support.running import eventually
from tests.support.webhook_world import polled_with_events

FAMILY = "aircall_user_substatus_seconds_total"
POLL = 6
"""Seconds within which a change of the state is fetched."""


def spent(scrape: Scrape, user: int) -> dict[str, float]:
    """Return a user's seconds by substatus, which are the same for each of the user's teams; no zeros."""
    found: dict[str, set[float]] = {}
    for labels, seconds in scrape.all(FAMILY, user_id=user).items():
        found.setdefault(dict(labels)["substatus"], set()).add(seconds)
    assert all(len(values) == 1 for values in found.values())
    assert len(found) >= 7
    return {substatus: seconds for substatus, (seconds,) in found.items() if seconds}


@pytest.fixture
def user_id(account: SimulatedAccount) -> int:
    return next(id_ for id_, user in account.users.items() if user.availability_status != "custom")


def pause(world: Polled, user: int, substatus: str, seconds: float) -> None:
    """Let a user be on do not disturb for this time, and then available."""
    world.account.set_availability(user, "do_not_disturb", substatus=substatus)
    world.live(seconds)
    world.account.set_availability(user, "available")
    world.live(30)


def test_substatus_seconds_of_each_reason_equal_the_time_at_aircall(world: Polled, user_id: int) -> None:
    world.live_until_complete()
    expected: Counter[str] = Counter()
    for substatus, seconds in (("out_for_lunch", 1200), ("on_a_break", 300), ("out_for_lunch", 100)):
        pause(world, user_id, substatus, seconds)
        expected[substatus] += seconds
    found = spent(world.scrape(), user_id)
    assert found == pytest.approx(expected, abs=3 * POLL)
    states = world.scrape().all("aircall_user_availability_seconds_total", user_id=user_id)
    dnd = next(value for labels, value in states.items() if ("state", "do_not_disturb") in labels)
    assert sum(found.values()) == pytest.approx(dnd, abs=3)
    teams = {str(team.id) for team in world.account.teams.values() if user_id in team.user_ids}
    assert world.scrape().labels(FAMILY, "team_id", user_id=user_id) == teams


def test_substatus_seconds_by_events_are_exact_to_the_second(account: SimulatedAccount, user_id: int) -> None:
    with polled_with_events(account) as world:
        world.live_until_complete()
        account.set_availability(user_id, "do_not_disturb", substatus="out_for_lunch")
        world.live(100)
        account.set_availability(user_id, "do_not_disturb", substatus="in_training")
        world.live(40)
        account.set_availability(user_id, "available")
        world.live(70)
        assert spent(world.scrape(), user_id) == pytest.approx(
            {"out_for_lunch": 100, "in_training": 40}, abs=2
        )


def test_substatus_seconds_without_data_do_not_count(account: SimulatedAccount, user_id: int) -> None:
    with polled(account) as world:
        world.live_until_complete()
        account.set_availability(user_id, "do_not_disturb", substatus="on_a_break")
        world.live(200)
        before = spent(world.scrape(), user_id)["on_a_break"]
        world.aircall.faults.append(Fault(lambda path: path.endswith("/availabilities"), answer(503)))
        world.live(900)
        world.aircall.faults.clear()
        world.live(200)
        assert spent(world.scrape(), user_id) == pytest.approx(
            {"on_a_break": before + 200}, abs=20 + world.poller.account.reference_data.stale_after_s
        )


def test_substatus_seconds_api_without_version_2_are_unknown(account: SimulatedAccount, user_id: int) -> None:
    with polled(account, served={"v2": False}) as world:
        world.live_until_complete()
        pause(world, user_id, "on_a_break", 300)
        assert spent(world.scrape(), user_id) == pytest.approx({"unknown": 300}, abs=2 * POLL)


def test_substatus_seconds_after_a_restart_continue(
    account: SimulatedAccount, user_id: int, database: str
) -> None:
    before: dict[Labels, float] = {}
    for _ in range(3):
        with polled(account, archive=Archive(database)) as world:
            world.live_until_complete()
            assert world.scrape().all(FAMILY) == before or not before
            pause(world, user_id, "Out for lunch", 200)
            before = world.scrape().all(FAMILY)
    assert spent(world.scrape(), user_id) == pytest.approx({"out_for_lunch": 600}, abs=9 * POLL)


def test_substatus_seconds_database_unavailable_are_shown_once_saved(
    account: SimulatedAccount, user_id: int, tmp_path: Path
) -> None:
    archive = UnavailableArchive(f"sqlite:///{tmp_path}/archive.sqlite")
    with polled(account, archive=archive) as world:
        world.live_until_complete()
        pause(world, user_id, "Other", 100)
        before = spent(world.scrape(), user_id)
        archive.unavailable = True
        pause(world, user_id, "Other", 100)
        assert spent(world.scrape(), user_id) == before
        archive.unavailable = False
        world.live(60)
        assert spent(world.scrape(), user_id)["other"] == pytest.approx(before["other"] + 100, abs=2 * POLL)


class Watched:
    """The seconds of each user and substatus in the last scrape, over all runs of an exporter."""

    def __init__(self) -> None:
        self.seconds: dict[tuple[str, str], float] = {}
        self.decreases: list[tuple[str, str]] = []

    def scrape(self, exporter: Process) -> bool:
        """Take in a scrape. Return whether it has all series of the one before, and more seconds."""
        found: dict[tuple[str, str], float] = {}
        for labels, seconds in Scrape.at(exporter.url).all(FAMILY).items():
            found[dict(labels)["user_id"], dict(labels)["substatus"]] = seconds
        self.decreases += [key for key in found if found[key] < self.seconds.get(key, 0)]
        if not self.seconds.keys() <= found.keys() or sum(found.values()) <= sum(self.seconds.values()):
            return False
        self.seconds = found
        return True


def test_substatus_seconds_exporter_killed_never_decrease(tmp_path: Path) -> None:
    refresh = {"calls": "1s", "availabilities": "1s", "substatuses": "1s"}
    database = f"sqlite:///{tmp_path}/archive.sqlite"
    company, watched = Company(database, tmp_path, 0.5, refresh=refresh), Watched()
    with company.aircall:
        for position, user in enumerate(list(company.account.users)[:8]):
            reason = "Out for lunch" if position % 2 else "on_a_break"
            company.account.set_availability(user, "do_not_disturb", substatus=reason)
        for _ in range(4):
            with company.exporter() as exporter:
                for _ in range(3):
                    eventually(partial(watched.scrape, exporter))
                exporter.kill()
    assert not watched.decreases
    assert {substatus for _, substatus in watched.seconds} >= {"out_for_lunch", "on_a_break"}
