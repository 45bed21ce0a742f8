"""Test the command `plan`, and the plan in the log of the exporter."""

from pathlib import Path

import pytest

from exporter.cli.main import main
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, polled

SIZE = ("--users=800", "--numbers=40", "--calls-per-hour=3000")


def plan(capsys: pytest.CaptureFixture[str], *flags: str) -> dict[str, list[str]]:
    """Return the rows of the table, by the first word of each line."""
    assert main(["plan", *flags]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    return {words[0]: words[1:] for words in lines}


def test_plan_without_a_credential_prints_the_intervals_of_a_company(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AIRCALL_API_ID", "AIRCALL_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    table = plan(capsys, *SIZE, "--requests-per-minute=60")
    assert " ".join(table["800"]).startswith("users, 67 teams, 40 numbers, 3000 calls an hour; 60 requests")
    assert table["calls"][1:3] == ["5s", "5s"]
    assert table["availabilities"][1:3] != ["5s", "5s"]
    assert table["all"] == ["47.2", "of", "47.2"]
    assert table["Who"][:3] == ["answers", "which", "number"]
    assert any("ask Aircall for" in " ".join(words) for words in table.values())


def test_plan_with_enough_requests_reports_no_short_budget(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--users=400", "--numbers=20", "--calls-per-hour=1500", "--requests-per-minute=240"]
    assert main(["plan", *flags]) == 0
    assert "budget is short" not in capsys.readouterr().out
    assert main(["plan", *flags, "--budget-share=0.2"]) == 0
    assert "aircall.budget_share" in capsys.readouterr().out


def test_plan_of_too_many_calls_reports_that_no_board_is_complete(capsys: pytest.CaptureFixture[str]) -> None:
    flags = "--users=100 --calls-per-hour=1000000 --requests-per-minute=60"
    assert main(["plan", *flags.split()]) == 0
    assert "no complete board within a day" in capsys.readouterr().out


def test_plan_with_a_configuration_file_uses_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "aircall.yml"
    file.write_text(
        "aircall: {requests_per_minute: 30, budget_share: 0.5}\n"
        "map_users_to_numbers: false\nrefresh: {calls: 20s}\n"
    )
    table = plan(capsys, "--users=20", "--calls-per-hour=100", f"--config.file={file}")
    assert table["calls"][1:3] == ["20s", "20s"]
    assert table["all"][2] == "14.8"
    assert "assignments" not in table


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (("--users=0", "--calls-per-hour=1"), "--users: found 0, expected a whole number from 1 to 1000000"),
        (
            ("--users=5", "--calls-per-hour=many"),
            "--calls-per-hour: found many, expected a number from 0 to 1000000",
        ),
        (
            ("--users=5", "--calls-per-hour=1", "--budget-share=2"),
            "--budget-share: found 2, expected a share",
        ),
        (("--users=5",), "--calls-per-hour"),
    ],
)
def test_plan_with_an_invalid_flag_prints_one_line(
    capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], problem: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["plan", *flags])
    errors = capsys.readouterr().err
    assert problem in errors
    assert errors.count("\n") == 1


def test_plan_with_too_few_requests_per_minute_is_rejected(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", *SIZE, "--requests-per-minute=1"]) == 2
    assert "--requests-per-minute: found 1, expected enough to leave us 2" in capsys.readouterr().err


def test_exporter_that_knows_the_size_of_its_account_logs_the_plan_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    account = SimulatedAccount(users=300, calls_per_hour=1500, seed=3, start=NOON, history=3600)
    with polled(account) as world:
        world.live_until_complete()
        world.live(300)
    lines = [line for line in capsys.readouterr().out.splitlines() if "plan for this account" in line]
    assert len(lines) == 1
    assert "users=300" in lines[0]
    assert "of 47/min" in lines[0]
