"""Test the command `check-config` with the simulated account and without it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from harness.process import credential, run
from harness.simulated_time import NOON


@pytest.fixture(scope="module")
def aircall() -> Iterator[SimulatedAircall]:
    with SimulatedAircall(SimulatedAccount(users=6, calls_per_hour=0, start=NOON)) as served:
        yield served


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "aircall.yml"


def test_check_config_with_all_names_known_to_aircall_is_fine(aircall: SimulatedAircall, file: Path) -> None:
    account = aircall.account
    number, team = next(iter(account.numbers.values())), next(iter(account.teams.values()))
    user = next(iter(account.users.values()))
    file.write_text(
        f"teams: [{team.name}, Single Users]\nexclude_users: [{user.email}, {user.id}]\n"
        f"overrides: {{numbers: {{{number.name}: {{sla: 5s}}}}, teams: {{{team.id}: {{}}, Desk: {{}}}}}}\n"
        f"groups: [{{name: Desk, users: [{user.id}]}}]\n"
    )
    done = run("check-config", str(file), **credential(aircall))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{file}: fine\n", "")


def test_check_config_with_unknown_names_prints_each_with_the_nearest(
    aircall: SimulatedAircall, file: Path
) -> None:
    number = next(iter(aircall.account.numbers.values()))
    file.write_text(
        f"overrides: {{numbers: {{{number.name}x: {{sla: 5s}}}}}}\nexclude_users: [a@b.example]\n"
    )
    done = run("check-config", str(file), **credential(aircall))
    problem = "no user, team or number has this name or id"
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        f"aircall-exporter: {file}: exclude_users: a@b.example: {problem}",
        f"aircall-exporter: {file}: overrides.numbers: {number.name}x: {problem},"
        f" did you mean {number.name}?",
    ]


def test_check_config_with_a_rejected_credential_fails(aircall: SimulatedAircall, file: Path) -> None:
    file.write_text("sla: 5s\n")
    done = run("check-config", str(file), **credential(aircall) | {"AIRCALL_API_TOKEN": "wrong"})
    assert done.returncode == 2
    assert done.stderr == (
        f"aircall-exporter: {file}: aircall: Aircall rejects api_id or api_token, expected a valid key\n"
    )
    assert run("check-config", "--offline", str(file), **credential(aircall)).returncode == 0


def test_check_config_without_an_answer_of_aircall_checks_the_file_alone(file: Path) -> None:
    file.write_text("exclude_users: [nobody]\n")
    address = {"AIRCALL_BASE_URL": "http://127.0.0.1:9", "AIRCALL_API_ID": "id", "AIRCALL_API_TOKEN": "token"}
    done = run("check-config", str(file), **address)
    assert (done.returncode, done.stdout) == (0, f"{file}: fine\n")
    assert done.stderr.startswith("aircall-exporter: check-config: credential and names not checked")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        (
            "slaa: 5s\nqueue_wait: {warning: 5, criticl: 9s}\noverrides: {numbers: {VIP: {sla: soon}}}\n",
            [
                "slaa: unknown key, did you mean sla?",
                "queue_wait.warning: found 5, expected a duration such as 10s, 15m or 1h30m",
                "queue_wait.criticl: unknown key, did you mean critical?",
                'overrides.numbers.VIP.sla: found "soon", expected a duration such as 10s, 15m or 1h30m',
            ],
        ),
        (
            "today: {starts_at: noon, time_zone: Pari}\nqueue_wait: {warning: 30s}\n"
            "overrides: {teams: {St. Pauli: {service_level: {target: 2}}}}\n",
            [
                "queue_wait.warning: found 30s, expected at most queue_wait.critical (20s)",
                'today.starts_at: found "noon", expected a time from 00:00 to 23:59, in quotes',
                'today.time_zone: found "Pari", expected the name of a time zone, such as Europe/Paris',
                "overrides.teams.St. Pauli.queue_wait.warning: found 30s, expected at most"
                " queue_wait.critical (20s)",
                "overrides.teams.St. Pauli.service_level.target: found 2.0, expected a share from 0 (off)"
                " to 1",
            ],
        ),
    ],
    ids=["types and names", "values"],
)
def test_check_config_prints_all_errors_and_a_start_the_first(
    file: Path, text: str, errors: list[str]
) -> None:
    file.write_text(text)
    key = {"AIRCALL_API_ID": "id", "AIRCALL_API_TOKEN": "token"}
    done = run("check-config", "--offline", str(file), **key)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [f"aircall-exporter: {file}: {error}" for error in errors]
    started = run(f"--config.file={file}", **key)
    assert (started.returncode, started.stderr) == (2, f"aircall-exporter: {file}: {errors[0]}\n")
