"""Test the command `init` on a terminal, with the simulated account."""

import errno
import io
import os
import pty
import select
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from exporter.cli import init, main
from exporter.cli.exit_codes import ExitCode, UsageError
from exporter.cli.prompt import ask
from exporter.config.loader import load
from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from harness.process import COMMAND, credential, run
from harness.simulated_time import NOON


@pytest.fixture(scope="module")
def aircall() -> Iterator[SimulatedAircall]:
    with SimulatedAircall(SimulatedAccount(users=6, calls_per_hour=0, start=NOON), rate_limit=600) as served:
        yield served


class Typed(NamedTuple):
    """The result of a command on a terminal."""

    code: int
    out: str
    errors: str
    shown: str
    """What the terminal showed of the typed text."""


def typed(directory: Path, url: str, api_id: bytes, token: bytes | None = None) -> Typed:
    """Run the command, and type the lines when it asks for them: the id, and the token unless it is None."""
    terminal, standard_input = pty.openpty()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AIRCALL_")}
    with subprocess.Popen(
        [*COMMAND, "init"],
        stdin=standard_input,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=directory,
        env=environ | {"AIRCALL_BASE_URL": url},
        start_new_session=True,  # so that the token is read from standard input
    ) as process:
        assert process.stdout
        assert process.stderr
        os.write(terminal, api_id)
        if token is not None:
            assert process.stderr.read(len("API token:")) == b"API token:"
            os.write(terminal, token)
        out, errors = process.communicate(timeout=30)
    echoed = select.select([terminal], [], [], 0)[0]  # the end of the input is not
    shown = os.read(terminal, 10_000).decode(errors="replace") if echoed else ""
    os.close(standard_input)
    os.close(terminal)
    return Typed(process.returncode, out.decode(), errors.decode(), shown)


def line(text: str) -> bytes:
    return f"{text}\n".encode()


END_OF_INPUT = b"\x04"


@pytest.mark.parametrize(
    ("api_id", "token", "found"),
    [
        (END_OF_INPUT, None, "API id: found the end of the input"),
        (b"id\n", END_OF_INPUT, "API token: found the end of the input"),
        (b"id\n", b"a\xff\xfe\n", "aircall.yml: aircall.api_token: holds a character outside ASCII"),
        (b"a\xff\xfe\n", b"token\n", "aircall.yml: aircall.api_id: holds a character outside ASCII"),
    ],
)
def test_init_without_an_answer_prints_one_line_and_writes_nothing(
    aircall: SimulatedAircall, tmp_path: Path, api_id: bytes, token: bytes | None, found: str
) -> None:
    done = typed(tmp_path, aircall.base_url, api_id, token)
    assert (done.code, list(tmp_path.iterdir())) == (ExitCode.USAGE, [])
    assert found in done.errors
    assert "Traceback" not in done.errors


def test_ask_for_an_answer_in_another_encoding_raises_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff\n"), "utf-8"))
    with pytest.raises(UsageError, match="API id: found bytes that are no text on this terminal"):
        ask("API id: ")


def test_init_writes_a_file_with_the_checked_key_for_its_owner_only(
    aircall: SimulatedAircall, tmp_path: Path
) -> None:
    token = "1e5:#x"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aircall, "api_token", token)
        done = typed(tmp_path, aircall.base_url, line(aircall.api_id), line(token))
    assert done.code == 0
    assert aircall.api_id in done.shown
    assert token not in done.shown + done.out
    assert "Aircall accepts the key: 6 users, " in done.out
    assert "aircall-exporter --config.file=aircall.yml\n" in done.out
    file = tmp_path / "aircall.yml"
    assert file.stat().st_mode & 0o777 == 0o600
    settings = load(str(file), {"AIRCALL_BASE_URL": aircall.base_url})
    assert (settings.aircall.api_id, settings.aircall.api_token) == (aircall.api_id, token)
    assert [each.name for each in tmp_path.iterdir()] == ["aircall.yml"]


@pytest.mark.parametrize(("token", "code"), [("wrong", ExitCode.FAILED), ("", ExitCode.USAGE)])
def test_init_with_a_wrong_key_writes_nothing(
    aircall: SimulatedAircall, tmp_path: Path, token: str, code: ExitCode
) -> None:
    assert typed(tmp_path, aircall.base_url, line(aircall.api_id), line(token)).code == code
    assert list(tmp_path.iterdir()) == []


def test_init_without_a_terminal_or_with_a_credential_or_a_file_is_rejected(
    aircall: SimulatedAircall, tmp_path: Path
) -> None:
    file = tmp_path / "aircall.yml"
    with_credential = run("init", str(file), **credential(aircall))
    assert with_credential.returncode == ExitCode.USAGE
    assert "found a credential in the environment" in with_credential.stderr
    without = run("init", str(file))
    assert without.returncode == ExitCode.USAGE
    assert "standard input is not a terminal" in without.stderr
    file.write_text("sla: 5s\n")
    with_file = run("init", str(file))
    assert with_file.returncode == ExitCode.USAGE
    assert "found a file, expected a new name" in with_file.stderr
    assert file.read_text() == "sla: 5s\n"
    file.unlink()
    file.symlink_to("missing")
    assert "found a file, expected a new name" in run("init", str(file)).stderr


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_init_on_a_file_system_without_links_writes_the_file(
    aircall: SimulatedAircall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    answers = iter((aircall.api_id, aircall.api_token))
    monkeypatch.setattr(os, "link", link)
    monkeypatch.setattr(init, "ask", lambda *_, **__: next(answers))
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setenv("AIRCALL_BASE_URL", aircall.base_url)
    file = tmp_path / "aircall.yml"
    assert main.main(["init", str(file)]) == ExitCode.SUCCESS
    assert list(tmp_path.iterdir()) == [file]
    assert file.stat().st_mode & 0o777 == 0o600
    assert load(str(file), {}).aircall.api_token == aircall.api_token
