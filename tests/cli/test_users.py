"""Test the commands `users` and `switch` on the simulated account."""

import csv
import io
import json
import os
import pty
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from unittest import mock

import pytest
from prometheus_client import CollectorRegistry

from exporter.aircall.client import Client, ClientMetrics
from exporter.aircall.request_budget import RequestBudget
from exporter.cli.api_runner import ApiRunner
from exporter.cli.main import main
from exporter.config.settings import Aircall
from exporter.polling.fetchers import UserApi
from exporter.polling.switch_availability import switch
from exporter.simulator.faults import Fault, answer
from exporter.simulator.models import SimulatedUser
from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from harness.process import COMMAND, credential, process, run
from harness.scrape import Scrape
from harness.simulated_time import SimulatedTime
from tests.support.running import eventually

NO_ARCHIVE = "--storage.path=/no/archive"


@pytest.fixture
def aircall() -> Iterator[SimulatedAircall]:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=time.time())
    with SimulatedAircall(account, rate_limit=600) as aircall:
        yield aircall


@pytest.fixture
def ada(aircall: SimulatedAircall) -> SimulatedUser:
    user = aircall.account.users[456_003]
    user.name, user.email = "Ada  Lovelace", "Ada@Example.com"
    return user


def command(aircall: SimulatedAircall, *arguments: str) -> tuple[int, str, str]:
    """Run a command. Returns exit code, output and errors."""
    out, err = io.StringIO(), io.StringIO()
    environ = mock.patch.dict(os.environ, credential(aircall))
    with environ, redirect_stdout(out), redirect_stderr(err):
        code = main([NO_ARCHIVE, *arguments])
    return code, out.getvalue(), err.getvalue()


def changes(aircall: SimulatedAircall) -> list[str]:
    return [request.path for request in list(aircall.requests) if request.method == "PUT"]


def test_users_in_each_format_lists_all_users(aircall: SimulatedAircall, ada: SimulatedUser) -> None:
    account = aircall.account
    account.set_availability(ada.id, "do_not_disturb", substatus="Out for lunch")
    for team in account.teams.values():
        team.user_ids.discard(ada.id)
    code, out, err = command(aircall, "users", "--format=ndjson")
    assert (code, err) == (0, "")
    rows = {row["id"]: row for row in map(json.loads, out.splitlines())}
    assert rows.keys() == account.users.keys()
    assert rows[ada.id] == {
        "id": ada.id,
        "name": "Ada  Lovelace",
        "email": "Ada@Example.com",
        "teams": ["Single Users"],
        "state": "do_not_disturb",
        "status": "unavailable",
        "substatus": "out_for_lunch",
        "since": None,
    }
    for user_id, row in rows.items():
        teams = [team.name for team in account.teams.values() if user_id in team.user_ids]
        assert row["teams"] == (sorted(teams) or ["Single Users"])
    listed = list(csv.DictReader(io.StringIO(command(aircall, "users", "--format=csv")[1])))
    assert {row["id"]: row["name"] for row in listed} == {str(id_): row["name"] for id_, row in rows.items()}
    table = command(aircall, "users")[1].splitlines()
    assert len(table) == len(rows) + 1
    assert any(
        line.split() == [str(ada.id), "Ada", "Lovelace", "Ada@Example.com", "Single", "Users",
                         "do_not_disturb", "unavailable", "out_for_lunch"]
        for line in table
    )  # fmt: skip


@pytest.mark.parametrize("who", ["456003", "ada@example.COM", "ada lovelace", "Ada  Lovelace"])
def test_switch_by_id_email_or_name_changes_the_user(
    aircall: SimulatedAircall, ada: SimulatedUser, who: str
) -> None:
    code, out, _ = command(aircall, "switch", who, "unavailable", "--yes")
    assert (code, out) == (0, "Ada  Lovelace (456003) is unavailable now, was available\n")
    assert ada.availability_status == "unavailable"
    assert aircall.account.availability(ada.id) == "do_not_disturb"
    code, out, _ = command(aircall, "switch", who, "unavailable", "--yes")
    assert (code, out) == (0, "Ada  Lovelace (456003) is unavailable already\n")
    assert changes(aircall) == ["/v2/users/456003"]


def test_switch_without_a_target_toggles(aircall: SimulatedAircall, ada: SimulatedUser) -> None:
    for status in ("unavailable", "available"):
        assert command(aircall, "switch", str(ada.id), "--yes")[0] == 0
        assert ada.availability_status == status


def test_switch_by_id_sends_two_requests(aircall: SimulatedAircall, ada: SimulatedUser) -> None:
    command(aircall, "switch", str(ada.id), "--yes")
    assert [(each.method, each.path) for each in aircall.requests] == [
        ("GET", "/v2/users/456003"),
        ("PUT", "/v2/users/456003"),
    ]


def test_switch_of_an_account_without_v2_uses_v1(aircall: SimulatedAircall, ada: SimulatedUser) -> None:
    aircall.v2 = False
    for who in (str(ada.id), ada.email):
        assert command(aircall, "switch", who, "--yes")[0] == 0
    assert changes(aircall) == ["/v1/users/456003"] * 2
    assert ada.availability_status == "available"
    assert json.loads(command(aircall, "users", "--format=ndjson")[1].splitlines()[0])["substatus"] == ""


def test_switch_of_a_user_on_auto_is_rejected(aircall: SimulatedAircall, ada: SimulatedUser) -> None:
    ada.availability_status = "custom"
    for target in ([], ["available"], ["unavailable"]):
        code, out, err = command(aircall, "switch", str(ada.id), *target, "--yes")
        assert (code, out, err.count("\n")) == (4, "", 1)
        assert err.startswith("aircall-exporter: switch: Ada  Lovelace is on Auto: ")
    assert changes(aircall) == []


def test_switch_of_a_user_who_turns_to_auto_meanwhile_reports_it(
    aircall: SimulatedAircall, ada: SimulatedUser
) -> None:
    def turn_to_auto(path: str) -> bool:
        if changes(aircall):
            ada.availability_status = "custom"
        return False

    aircall.faults.append(Fault(turn_to_auto, answer(500)))
    code, out, err = command(aircall, "switch", str(ada.id), "--yes")
    assert (code, out) == (4, "")
    assert "is on Auto" in err
    assert aircall.account.availability(ada.id) == "available"


def test_switch_by_the_name_of_two_users_lists_both_and_changes_neither(
    aircall: SimulatedAircall, ada: SimulatedUser
) -> None:
    other = aircall.account.add_user("ada lovelace")
    code, out, err = command(aircall, "switch", "Ada Lovelace", "--yes")
    assert (code, out) == (3, "")
    first, *candidates = err.splitlines()
    assert "is the name of 2 users, say which by id or e-mail address:" in first
    assert [line.split()[0] for line in candidates] == [str(ada.id), str(other.id)]
    assert changes(aircall) == []


@pytest.mark.parametrize(
    ("who", "alike"), [("Ada", True), ("Ada Lovlace", True), ("Zzz", False), ("1", False)]
)
def test_switch_by_an_unknown_name_suggests_similar_ones(
    aircall: SimulatedAircall, ada: SimulatedUser, who: str, alike: bool
) -> None:
    code, out, err = command(aircall, "switch", who, "--yes")
    assert (code, out) == (3, "")
    assert f'no user has the id, e-mail address or name "{who}"' in err
    assert (f"  {ada.id}  Ada  Lovelace  Ada@Example.com" in err.splitlines()) is alike
    assert changes(aircall) == []


def test_switch_on_a_terminal_asks_for_confirmation(aircall: SimulatedAircall, ada: SimulatedUser) -> None:
    code, _, err = command(aircall, "switch", str(ada.id))
    assert (code, err) == (2, "aircall-exporter: switch: standard input is not a terminal; pass --yes\n")
    for typed, code, status in (("n", 130, "available"), ("", 130, "available"), ("y", 0, "unavailable")):
        terminal, standard_input = pty.openpty()
        os.write(terminal, f"{typed}\n".encode())
        done = subprocess.run(
            [*COMMAND, NO_ARCHIVE, "switch", str(ada.id)],
            stdin=standard_input, capture_output=True, text=True, timeout=30, check=False,
            env=os.environ | credential(aircall),
        )  # fmt: skip
        os.close(terminal)
        os.close(standard_input)
        assert "Ada  Lovelace (456003) is available. Make this user unavailable? [y/N]" in done.stdout
        assert (done.returncode, ada.availability_status) == (code, status)


@pytest.mark.parametrize(
    ("status", "error"),
    [(500, "the request to Aircall failed: /v2/users/456003: answered 500"), (403, "rejects the credential")],
)
def test_switch_that_aircall_rejects_prints_one_line(
    aircall: SimulatedAircall, ada: SimulatedUser, status: int, error: str
) -> None:
    aircall.faults.append(Fault(lambda _: bool(changes(aircall)), answer(status)))
    code, out, err = command(aircall, "switch", str(ada.id), "--yes")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert error in err
    assert len(changes(aircall)) == 1


@pytest.mark.parametrize(("headers", "waits"), [("on_429", [60]), ("never", [10] * 6)])
def test_switch_with_a_used_up_rate_limit_waits(
    aircall: SimulatedAircall, ada: SimulatedUser, headers: Literal["on_429", "never"], waits: list[int]
) -> None:
    clock, messages = SimulatedTime(60 * (time.time() // 60 + 1)), list[str]()

    def sleep(seconds: float) -> None:
        clock.now += seconds

    aircall.clock, aircall.limit_headers = clock, headers
    aircall.spend(aircall.rate_limit)
    api = Aircall(aircall.api_id, aircall.api_token, base_url=aircall.base_url)
    client = Client(api.base_url, api.api_id, api.api_token, ClientMetrics(CollectorRegistry()))
    start = clock.now
    runner = ApiRunner(client, RequestBudget(0.8, at_once=True), clock, messages.append, sleep)
    assert runner.run(switch(UserApi(), ada.id, None)).changed
    client.close()
    assert ada.availability_status == "unavailable"
    assert [request.status for request in aircall.requests] == [429] * len(waits) + [200, 200]
    assert clock.now // 60 == start // 60 + 1
    assert messages == [f"waiting {seconds}s, to keep within the rate limit" for seconds in waits]


def test_users_with_a_running_exporter_prints_when_it_saw_each_state_begin(
    aircall: SimulatedAircall, ada: SimulatedUser, tmp_path: Path
) -> None:
    def listed() -> dict[int, str | None]:
        lines = run(*flags, "users", "--format=ndjson", "--utc", **credential(aircall))
        return {row["id"]: row["since"] for row in map(json.loads, lines.stdout.splitlines())}

    file = tmp_path / "aircall.yml"
    file.write_text("refresh: {availabilities: 1h}\n")
    flags = (f"--config.file={file}", f"--storage.path={tmp_path}")
    with process(*flags, **credential(aircall)) as exporter:
        series = "aircall_user_availability_changed_timestamp_seconds"
        changed = eventually(lambda: Scrape.at(exporter.url).all(series, user_id=ada.id))
        eventually(lambda: listed()[ada.id])
        since = datetime.fromisoformat(listed()[ada.id] or "")
        assert (since.tzinfo, int(since.timestamp())) == (UTC, int(next(iter(changed.values()))))
        aircall.account.switch(ada.id, "unavailable")
        others = listed()
        assert others.pop(ada.id) is None
        assert all(others.values())


def test_users_with_a_running_exporter_uses_the_rest_of_the_rate_limit(
    aircall: SimulatedAircall, tmp_path: Path
) -> None:
    """An exporter with almost the whole limit leaves so little that a third request has to wait."""
    file = tmp_path / "aircall.yml"
    file.write_text("aircall: {budget_share: 0.995}\n")
    flags, environ = (f"--config.file={file}", f"--storage.path={tmp_path}"), credential(aircall)
    alone = run(*flags, "users", **environ)
    assert (alone.returncode, alone.stderr) == (0, "")
    with process(*flags, **environ) as exporter:
        exporter.logged("plan for this account")
        with subprocess.Popen(
            [*COMMAND, *flags, "users"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | environ,
        ) as listing:  # fmt: skip
            assert listing.stderr
            assert re.search(r"waiting \d+s, to keep within the rate limit", listing.stderr.readline())
            listing.kill()
