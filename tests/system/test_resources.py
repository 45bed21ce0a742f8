"""Limits of series, memory and file descriptors."""

import gc
import os
import re
import resource
import subprocess
import sys
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from msgspec import structs
from structlog.testing import capture_logs

from exporter.account.call_store import INITIAL_LOOKBACK_S
from exporter.archive.store import Archive
from exporter.config.settings import Refresh, Today
from exporter.durations import Duration
from exporter.simulator import faults
from exporter.simulator.faults import Fault
from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from harness.expected_counts import counted, to_be_counted
from harness.faults.patience import given_up_after
from harness.faults.table import FAULT_CASES
from harness.process import credential, process
from harness.scrape import Scrape
from harness.simulated_time import NOON, Polled, polled
from tests.support.running import eventually
from tests.support.stack import ROOT

LIMIT = 10


def test_user_limit_users_beyond_it_have_no_series_and_are_counted() -> None:
    account = SimulatedAccount(users=24, calls_per_hour=600, seed=3, start=NOON, history=0)
    shown = {str(id_) for id_ in sorted(account.users)[:LIMIT]}
    with capture_logs() as lines, polled(account, user_limit=LIMIT) as world:
        world.live_until_complete()
        world.live(900)
        world.freeze()
        world.live(120)
        scrape = world.scrape()
    assert scrape.value("aircall_exporter_users_over_limit") == 24 - LIMIT
    assert [line["left_out"] for line in lines if "user_limit" in line["event"]][-1] == 24 - LIMIT
    names = [name for name in scrape.samples if name.startswith("aircall_user_")]
    assert len(names) > 10
    for name in names:
        assert scrape.labels(name, "user_id") <= shown | {"others"}
    assert scrape.labels("aircall_user_info", "user_id") == shown
    assert scrape.labels("aircall_calls_total", "user_id") == shown | {"", "others"}
    found, expected = counted(scrape), to_be_counted(account)
    for family in ("missed", "teams", "talk"):
        assert found[family] == expected[family]
    assert found["calls"] == sum_of_others(expected["calls"], shown)
    by_state = sum(scrape.all("aircall_team_users").values())
    memberships = sum(len(team.user_ids) for team in account.teams.values())
    single = account.users.keys() - set().union(*(team.user_ids for team in account.teams.values()))
    assert by_state == memberships + len(single)


def sum_of_others(calls: dict, shown: set[str]) -> dict:
    summed: dict = {}
    for (user, *rest), count in calls.items():
        key = (user if user in shown | {""} else "others", *rest)
        summed[key] = summed.get(key, 0) + count
    return summed


def user_calls(world: Polled) -> dict[str, float]:
    """Return the counters of each user, and of all others together."""
    found: dict[str, float] = {}
    for labels, n in world.scrape().all("aircall_calls_total").items():
        found[dict(labels)["user_id"]] = found.get(dict(labels)["user_id"], 0) + n
    return {user: n for user, n in found.items() if n}


def test_user_limit_users_leave_and_restarts_lower_no_counter(
    tmp_path: Path,
) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    number = next(iter(account.numbers))
    archive = f"sqlite:///{tmp_path}/archive.sqlite"
    users = sorted(account.users)
    first, *_, fifth, sixth = users
    often = Refresh(users=Duration(30))

    def talk() -> None:
        for user in sorted(account.users):
            call = account.dial(user, number, "+33 1 11 11 11 11", at=account.now)
            account.answer(call.id, user, at=account.now + 1)
            account.hang_up(call.id, at=account.now + 2)

    with polled(account, archive=Archive(archive), user_limit=4, refresh=often) as world:
        world.live_until_complete()
        talk()
        world.live(60)
        shown = {str(user): 1 for user in users[:4]}
        assert user_calls(world) == shown | {"others": 2}
        account.remove_user(first)
        world.live(900)
        assert user_calls(world) == shown | {"others": 2}
    account.remove_user(sixth)
    newcomer = account.add_user("Ada Lovelace").id
    with polled(account, archive=Archive(archive), user_limit=4, refresh=often) as world:
        world.live_until_complete()
        talk()
        world.live(60)
        shown |= {str(user): 2 for user in users[1:4]}
        assert user_calls(world) == shown | {"others": 4}
        settings = structs.replace(world.settings, user_limit=6)
        world.poller.configure(settings, world.client)
        assert user_calls(world) == shown | {"others": 4}
        talk()
        world.live(60)
        shown |= {str(user): 3 for user in users[1:4]} | {str(fifth): 1, str(newcomer): 1}
        assert user_calls(world) == shown | {"others": 4}


def memory() -> int:
    """Return the number of memory blocks that Python's objects take."""
    gc.collect()
    return sys.getallocatedblocks()


FLOOD = 1000


def test_memory_after_a_flood_of_calls_is_released() -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    rarely = Refresh(calls=Duration(60), availabilities=Duration(60))
    with polled(account, served={"rate_limit": 6000}, refresh=rarely) as world:
        world.live_until_complete()
        before = memory()
        flood(world)
        during = memory()
        end_flood(world)
        after_one = memory()
        flood(world)
        end_flood(world)
        after_two = memory()
        assert world.scrape().sum("aircall_calls_total") == 2 * FLOOD
    assert after_two - after_one < (during - before) / 10


def flood(world: Polled) -> None:
    number = next(iter(world.account.numbers))
    for position in range(FLOOD):
        call = world.account.ring_in(number, f"+33 6 {position:08}", at=world.time.now + position / 50)
        world.account.miss(call.id, "short_abandoned")
    world.time.now = world.account.now
    world.live(120)
    assert {len(period) for period in world.poller.account.periods.values()} == {FLOOD}


def end_flood(world: Polled) -> None:
    """Advance the time until the calls have left memory, and clear those of the simulated account.

    The next day begins in an hour.
    """
    next_day = datetime.fromtimestamp(world.time.now + 3600, UTC)
    settings = structs.replace(world.settings, today=Today(f"{next_day:%H:%M}", "UTC"))
    world.poller.configure(settings, world.client)
    world.live(INITIAL_LOOKBACK_S + 1800)
    world.account.calls.clear()
    world.account.calls.chronological.clear()
    world.aircall.requests.clear()
    assert not world.poller.account.calls.calls
    assert not any(world.poller.account.periods.values())


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_open_files_after_every_fault_are_as_before() -> None:
    with polled(SimulatedAccount(users=6, calls_per_hour=0, start=NOON)) as world:
        world.live_until_complete()
        before = open_files()
        for case in FAULT_CASES:
            if not case.served and case.fault != "50 MB answers":  # these are slow
                patience = (
                    given_up_after(case.request_timeout, world) if case.request_timeout else nullcontext()
                )
                with case.inject(world.aircall), patience:
                    world.live(60)
        world.live(60)
        gc.collect()
        eventually(lambda: open_files() <= before)


def test_exporter_without_file_descriptors_recovers_once_it_has_some(tmp_path: Path) -> None:
    config = tmp_path / "aircall.yml"
    config.write_text("refresh: {calls: 1s, availabilities: 1s}\n")
    account = SimulatedAccount(users=6, calls_per_hour=0)
    with SimulatedAircall(account, rate_limit=6000) as aircall:
        flags = (f"--config.file={config}", f"--storage.path={tmp_path}")
        with process(*flags, **credential(aircall)) as exporter:
            eventually(lambda: Scrape.at(exporter.url).value("aircall_up") == 1)
            pid = exporter.process.pid
            soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, hard))
            before = len(aircall.requests)
            aircall.faults.append(Fault(lambda _: True, faults.close_connection))
            exporter.logged("fetch failed")
            aircall.faults.clear()
            dropped = len(aircall.requests) - before
            for _ in range(3):
                with pytest.raises(requests.RequestException):
                    requests.get(exporter.url, timeout=1)
            exporter.logged("Too many open files")
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
            call = account.ring_in(next(iter(account.numbers)), "+33 1 11 11 11 11")
            account.miss(call.id, "short_abandoned")
            eventually(lambda: Scrape.at(exporter.url).sum("aircall_calls_total") == 1)
            eventually(lambda: Scrape.at(exporter.url).value("aircall_up") == 1)
            failed = Scrape.at(exporter.url).sum("aircall_api_requests_total", code="connection")
            assert failed > dropped
            logged = [line.partition("level=")[2] for line in exporter.lines if "Too many open files" in line]
            assert len(set(logged)) == len(logged)  # each error is logged once


MALLOC_FILES = (
    "Dockerfile",
    "deploy/systemd/aircall-exporter.service",
    "deploy/helm/aircall-exporter/templates/statefulset.yaml",
)


@pytest.mark.parametrize("file", MALLOC_FILES)
def test_malloc_settings_after_large_allocations_return_memory_to_the_system(file: str) -> None:
    environ = dict(
        re.findall(r"(MALLOC_\w+)(?:=|\s+value: \")(\d+)", (ROOT / file).read_text(encoding="utf-8"))
    )
    assert environ
    left = subprocess.run(
        [sys.executable, "-c", HOLES],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=os.environ | environ,
    ).stdout
    assert int(left) < 10_000_000


HOLES = """
import re
from pathlib import Path

def resident():
    return 1024 * int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

before = resident()
largest = b"x" * 16_000_000
del largest
pieces = [(b"x" * 1_000_000, b"x" * 20_000) for _ in range(64)]
small = [small for _, small in pieces]
del pieces
print(resident() - before)
"""
