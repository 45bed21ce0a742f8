"""Test commands on terminals that are not UTF-8, and with streams that are closed or not read."""

import csv
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter.cli import output
from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from harness.process import COMMAND, credential, process
from harness.scrape import Scrape
from tests.support.running import eventually

NAME = "Zoë Ångström 🎧"
ASCII = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}


@pytest.fixture(scope="module")
def aircall() -> Iterator[SimulatedAircall]:
    account = SimulatedAccount(users=3, calls_per_hour=0, start=time.time() - 1800)
    for user in account.users.values():
        user.name = NAME
    for number in account.numbers.values():
        number.name = NAME
    call = account.ring_in(next(iter(account.numbers)), NAME)
    account.miss(call.id, "short_abandoned")
    with SimulatedAircall(account) as aircall:
        yield aircall


@pytest.fixture(scope="module")
def storage(aircall: SimulatedAircall, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return an archive with a call, filled by `backfill` on an ASCII terminal."""
    directory = tmp_path_factory.mktemp("archive")
    flag = f"--storage.path={directory}"
    done = run(flag, "backfill", "--from=1h", **ASCII, **credential(aircall))
    assert done.returncode == 0, done.stderr
    return flag


def run(*arguments: str, stdout: Any = subprocess.PIPE, **environ: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*COMMAND, *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        timeout=30,
        env=os.environ | environ,
        check=False,
    )


COMMANDS = {
    "users": "Zo? ?ngstr?m ?",
    "STORAGE calls --from=1h --format=ndjson": r"Zo\u00eb \u00c5ngstr\u00f6m \ud83c\udfa7",
    "switch 1 unavailable --yes": "Zo? ?ngstr?m ?",
    "check-config --offline é.yml": "?.yml: fine",
}


@pytest.mark.parametrize(("command", "expected"), COMMANDS.items(), ids=COMMANDS)
def test_command_on_an_ascii_terminal_replaces_other_characters(
    aircall: SimulatedAircall, storage: str, tmp_path: Path, command: str, expected: str
) -> None:
    (tmp_path / "é.yml").write_text("sla: 5s\n")
    user = str(next(iter(aircall.account.users)))
    replaced = {"STORAGE": storage, "1": user, "é.yml": str(tmp_path / "é.yml")}
    arguments = [replaced.get(word, word) for word in command.split()]
    done = run(*arguments, **ASCII, **credential(aircall))
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr
    assert expected in done.stdout.decode("ascii")


def test_demo_on_an_ascii_terminal_starts() -> None:
    with process("demo", "--users=3", command=COMMAND, **ASCII) as demo:
        assert len(eventually(lambda: Scrape.at(demo.url).labels("aircall_user_info", "user_id"))) == 3


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8", "shift_jis"])
def test_output_in_any_encoding_keeps_json_whole(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding=encoding, errors="replace"))
    output.as_ndjson([{"user": NAME, "id": 1}, {"user": "Ada", "id": 2}])
    output.as_csv(["user"], [{"user": NAME}])
    output.as_table([output.Column("user")], [[NAME]])
    sys.stdout.flush()
    lines = written.getvalue().decode(encoding).splitlines()
    assert [json.loads(line) for line in lines[:2]] == [{"user": NAME, "id": 1}, {"user": "Ada", "id": 2}]
    assert next(csv.reader(lines[2:4])) == ["user"]


def test_command_with_closed_streams_works(aircall: SimulatedAircall) -> None:
    done = subprocess.run(
        ["sh", "-c", " ".join([*COMMAND, "users", "<&-", ">&-", "2>&-"])],
        timeout=30,
        env=os.environ | credential(aircall),
        check=False,
    )
    assert done.returncode == 0


@pytest.mark.parametrize("command", ["users", "--help"])
def test_command_whose_reader_has_gone_ends_without_an_error(aircall: SimulatedAircall, command: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = run(*command.split(), stdout=writer, **credential(aircall))
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("command", ["plan --users=10 --calls-per-hour=60", "--version"])
def test_command_whose_output_cannot_be_written_prints_one_line(command: str) -> None:
    with Path("/dev/full").open("wb") as full:
        done = run(*command.split(), stdout=full, PYTHONUNBUFFERED="")
    (line,) = done.stderr.decode().splitlines()
    assert (done.returncode, line.startswith("aircall-exporter: ")) == (1, True)
    assert line.endswith(": No space left on device")
