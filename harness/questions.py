"""The answers of docs/questions.md: what its commands print on an archive of the simulated account."""

import io
import os
import re
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

from exporter.archive.caller_key_file import KeyFile
from exporter.archive.store import Archive
from exporter.cli import main, rich_output
from exporter.config.settings import Storage
from exporter.durations import Duration
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import polled

ASKED_AT = 1_780_059_600.0
"""Friday, 2026-05-29 15:00 in Paris."""

DAYS = 11
"""The history of the account: this week and the last one."""

WIDTH = 150
"""Characters in a line of the page."""

MAX_LINES = 8
"""Lines of an answer. Of a longer one, the first ones and the last are shown."""

_ASKED = re.compile(r"```sh\naircall-exporter ([^\n]+)\n```\n(?:\n```text\n.*?```\n)?", re.DOTALL)
_COMMAND = re.compile(r"^aircall-exporter (.+)$", re.MULTILINE)


def commands(page: str) -> list[str]:
    """Return the commands of the page, without the name of the program."""
    return _COMMAND.findall(page)


@contextmanager
def archived(directory: Path) -> Iterator[Path]:
    """Archive the calls of the account in a directory, and let it be `ASKED_AT` in Paris."""
    account = SimulatedAccount(
        12, 24, seed=3, start=ASKED_AT - 300, history=DAYS * 86_400, repeat_callers=True
    )
    archive = Archive(
        f"sqlite:///{directory}/archive.sqlite", KeyFile(directory / "caller.key", made_here=True)
    )
    storage = Storage(backfill=Duration(DAYS * 86_400))
    with polled(account, archive=archive, served={"rate_limit": 6000}, storage=storage) as world:
        world.live_until_complete()
        world.live(240)
    with mock.patch.dict(os.environ, TZ="Europe/Paris"), mock.patch("time.time", lambda: ASKED_AT):
        time.tzset()
        yield directory
    time.tzset()


def answer(directory: Path, asked: str) -> tuple[int, str]:
    """Return the exit code and the output of a command, as on a terminal of `WIDTH` characters."""
    printed = io.StringIO()
    with (
        redirect_stdout(printed),
        redirect_stderr(printed),
        mock.patch.object(rich_output, "FILE_WIDTH", WIDTH),
    ):
        code = int(main.main([f"--storage.path={directory}", *shlex.split(asked)]))
    lines = [line.rstrip() for line in printed.getvalue().splitlines()]
    if len(lines) > MAX_LINES:
        lines[MAX_LINES - 2 : -1] = ["…"]
    return code, "\n".join(lines)


def answered(page: str, directory: Path) -> str:
    """Return the page with the answer after each command."""

    def with_answer(found: re.Match[str]) -> str:
        return f"```sh\naircall-exporter {found[1]}\n```\n\n```text\n{answer(directory, found[1])[1]}\n```\n"

    return _ASKED.sub(with_answer, page)
