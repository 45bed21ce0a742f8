"""Test the command `doctor` on the simulated account: its checks, remedies and exit codes."""

import csv
import io
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

import msgspec
import pytest
from starlette.responses import Response

from exporter.account.records import Batch, Checkpoint
from exporter.archive.database import sqlite_url
from exporter.archive.store import Archive
from exporter.cli.main import main
from exporter.simulator.faults import Exchange, Fault, answer
from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from exporter.simulator.webhooks import SimulatedWebhook
from exporter.webhooks.registration import NAME, SUBSCRIBED_EVENTS
from harness.postgres import Postgres
from harness.process import credential

Checks = dict[str, dict[str, str]]
URL = "https://calls.example.com/webhook"


@pytest.fixture
def aircall() -> Iterator[SimulatedAircall]:
    account = SimulatedAccount(users=6, calls_per_hour=60, start=time.time(), history=3600)
    with SimulatedAircall(account, rate_limit=100) as aircall:
        yield aircall


@pytest.fixture
def doctor(aircall: SimulatedAircall, tmp_path: Path) -> Callable[..., tuple[int, Checks]]:
    """Run the command with a configuration. Returns the exit code and the checks by name."""

    def command(config: str = "", **environ: str) -> tuple[int, Checks]:
        file, out, err = tmp_path / "aircall.yml", io.StringIO(), io.StringIO()
        file.write_text(config)
        flags = (f"--storage.path={tmp_path}", f"--config.file={file}")
        variables = mock.patch.dict(os.environ, credential(aircall) | environ)
        with variables, redirect_stdout(out), redirect_stderr(err):
            code = main([*flags, "doctor", "--format=json"])
        assert err.getvalue() == ""
        rows = json.loads(out.getvalue())
        assert len({row["check"] for row in rows}) == len(rows)
        assert all(row["remedy"] for row in rows if row["result"] != "ok")
        return code, {row["check"]: row for row in rows}

    return command


def results(checks: Checks) -> dict[str, str]:
    """Return the results other than ok."""
    return {name: row["result"] for name, row in checks.items() if row["result"] != "ok"}


Doctor = Callable[..., tuple[int, Checks]]


def test_doctor_of_a_usual_account_finds_no_problem_in_a_few_requests(
    doctor: Doctor, aircall: SimulatedAircall
) -> None:
    code, checks = doctor()
    assert (code, results(checks)) == (0, {"archive": "warning"})
    assert len(aircall.requests) == 6
    details = {name: row["detail"] for name, row in checks.items()}
    assert details["users API"] == "v2"
    assert details["substatuses"] == "6 of 6 users have one"
    limit = "100 requests per minute, 80 for the exporter, 94 left in this minute"
    assert details["rate limit"] == f"announced: {limit}"
    assert details["clock"] == "within 1 s of Aircall's"
    assert re.fullmatch(r"([1-9]\d*) of the latest \1 calls have one .*", details["call timelines"])
    assert details["webhook"] == "0 of the company, 0 of this exporter: the exporter only polls"
    assert "has no call archive" in details["archive"]


def test_doctor_of_an_account_without_v2_warns(doctor: Doctor, aircall: SimulatedAircall) -> None:
    aircall.v2 = False
    code, checks = doctor()
    assert (code, results(checks)) == (0, dict.fromkeys(["users API", "substatuses", "archive"], "warning"))


def test_doctor_of_a_company_without_smartflows_counts_no_timeline(
    doctor: Doctor, aircall: SimulatedAircall
) -> None:
    aircall.account.smartflows = False
    assert doctor()[1]["call timelines"]["detail"].startswith("0 of the latest ")


@pytest.mark.parametrize(("wrong", "direction"), [(-3600, "ahead of"), (3600, "behind")])
def test_doctor_with_a_wrong_clock_fails(
    doctor: Doctor, aircall: SimulatedAircall, wrong: float, direction: str
) -> None:
    aircall.date_error = wrong
    code, checks = doctor()
    assert (code, checks["clock"]["result"]) == (1, "problem")
    assert checks["clock"]["detail"].endswith(f" s {direction} Aircall's")
    assert int(checks["clock"]["detail"].split()[0]) == pytest.approx(3600, abs=3)


def test_doctor_with_a_rejected_credential_sends_one_request(
    doctor: Doctor, aircall: SimulatedAircall
) -> None:
    code, checks = doctor(AIRCALL_API_TOKEN="another-token")
    assert (code, results(checks)) == (1, {"credential": "problem", "archive": "warning"})
    assert len(aircall.requests) == 1


def test_doctor_without_an_answer_of_aircall_fails(doctor: Doctor) -> None:
    code, checks = doctor(AIRCALL_BASE_URL="http://127.0.0.1:9")
    assert (code, list(checks)) == (1, ["credential", "archive"])
    assert "aircall.base_url" in checks["credential"]["remedy"]


def test_doctor_with_one_list_that_fails_reports_the_others(
    doctor: Doctor, aircall: SimulatedAircall
) -> None:
    aircall.faults.append(Fault(lambda path: path == "/v1/teams", answer(500)))
    code, checks = doctor()
    assert (code, results(checks)) == (1, {"teams": "problem", "archive": "warning"})
    assert "/v1/teams: answered 500" in checks["teams"]["detail"]


def test_doctor_with_a_higher_limit_configured_than_announced_warns(doctor: Doctor) -> None:
    code, checks = doctor("aircall: {requests_per_minute: 600}")
    assert (code, checks["rate limit"]["result"]) == (0, "warning")
    assert "expected auto or at most 100" in checks["rate limit"]["remedy"]


@pytest.mark.parametrize(
    ("active", "events", "result"),
    [
        (True, SUBSCRIBED_EVENTS, "ok"),
        (True, (), "ok"),
        (True, SUBSCRIBED_EVENTS[1:], "warning"),
        (False, SUBSCRIBED_EVENTS, "problem"),
    ],
)
def test_doctor_checks_the_webhook_of_this_exporter(
    doctor: Doctor, aircall: SimulatedAircall, active: bool, events: tuple[str, ...], result: str
) -> None:
    aircall.webhooks.add(SimulatedWebhook("https://hooks.example.org/secret", custom_name="Else"))
    hook = aircall.webhooks.add(SimulatedWebhook(URL, custom_name=NAME, active=active, events=events))
    code, checks = doctor(f"webhook: {{token: {hook.token}}}")
    assert (code, checks["webhook"]["result"]) == (1 if result == "problem" else 0, result)
    assert checks["webhook"]["detail"].startswith("2 of the company, 1 of this exporter, ")
    assert not any(each.token in str(checks) for each in aircall.webhooks.hooks.values())
    code, checks = doctor("webhook: {token: the-token-of-no-webhook}")
    assert (code, checks["webhook"]["result"]) == (1, "problem")


def test_doctor_names_unknown_fields_and_events(doctor: Doctor, aircall: SimulatedAircall) -> None:
    async def with_new_fields(exchange: Exchange) -> Response:
        content = msgspec.json.decode(bytes(exchange.normal_response().body))
        content["numbers"][0] |= {f"new_{index:02}": index for index in range(25)}
        return Response(msgspec.json.encode(content), media_type="application/json")

    aircall.faults.append(Fault(lambda path: path == "/v1/numbers", with_new_fields))
    aircall.webhooks.add(SimulatedWebhook(URL, events=("call.created", "user.opened.v2", "call.teleported")))
    code, checks = doctor()
    assert (code, checks["fields"]["result"], checks["events"]["result"]) == (0, "warning", "warning")
    assert checks["events"]["detail"] == "not known to this version: call.teleported"
    assert checks["fields"]["detail"].startswith(
        "not known to this version: numbers: new_00, numbers: new_01, "
    )
    assert checks["fields"]["detail"].endswith("numbers: new_19 and 5 more")


def test_doctor_describes_the_archive(doctor: Doctor, tmp_path: Path) -> None:
    archive = Archive(sqlite_url(str(tmp_path)))
    archive.load()
    archive.save(Batch(progress=Checkpoint(((0, 60), (120, 180)), wanted_from=0)))
    archive.close()
    code, checks = doctor()
    assert (code, results(checks)) == (0, {})
    detail = checks["archive"]["detail"]
    assert detail.startswith(f"{tmp_path / 'archive.sqlite'}, version 3, 0.")
    assert detail.endswith(
        "calls from 1970-01-01 00:00:00+00:00 to 1970-01-01 00:03:00+00:00, 1 gap,"
        " no exporter has saved for 20 s"
    )
    tmp_path.chmod(0o755)
    (tmp_path / "archive.sqlite").chmod(0o644)
    assert doctor()[1]["archive"]["remedy"] == f"chmod o-r {tmp_path}/archive.sqlite*"
    (tmp_path / "archive.sqlite").write_bytes(b"no database" * 1000)
    config = f"storage: {{url: 'sqlite:///{tmp_path}/archive.sqlite'}}"
    assert (doctor(config)[0], doctor(config)[1]["archive"]["result"]) == (1, "problem")


def test_doctor_describes_an_archive_on_postgresql(doctor: Doctor, postgres_server: Postgres) -> None:
    url = postgres_server.database("examined").replace("aircall@", "aircall:the-password@")
    archive = Archive(url)
    archive.load()
    archive.heartbeat(time.time())
    archive.close()
    code, checks = doctor(f"storage: {{url: '{url}'}}")
    assert (code, checks["archive"]["result"]) == (0, "ok")
    shown = url.replace(":the-password", "")
    assert re.fullmatch(
        rf"{re.escape(shown)}, version 3, \d+\.\d MB, no calls yet, an exporter runs",
        checks["archive"]["detail"],
    )


def test_doctor_as_csv_has_the_same_checks(
    aircall: SimulatedAircall, capsys: pytest.CaptureFixture[str]
) -> None:
    with mock.patch.dict(os.environ, credential(aircall)):
        assert main(["--storage.path=/no/archive", "doctor", "--format=csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert list(rows[0]) == ["check", "result", "detail", "remedy"]
    assert {row["check"] for row in rows} >= {"credential", "users", "teams", "numbers", "calls", "webhooks"}
