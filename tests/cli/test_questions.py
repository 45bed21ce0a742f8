"""Run the commands of docs/questions.md on an archive of calls that have just taken place."""

import re
import shlex
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.archive.caller_key_file import KeyFile
from exporter.archive.store import Archive
from exporter.cli.exit_codes import ExitCode
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import polled
from tests.support.search_ways import command
from tests.support.stack import ROOT

COMMANDS = re.findall(r"^aircall-exporter (.+)$", (ROOT / "docs/questions.md").read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return an archive with the calls of the last two days."""
    directory: Path = tmp_path_factory.mktemp("questions")
    url = f"sqlite:///{directory}/archive.sqlite"
    account = SimulatedAccount(12, 60, seed=3, start=time.time() - 60, history=2 * 86400, repeat_callers=True)
    archive = Archive(url, KeyFile(directory / "caller.key", made_here=True))
    with polled(account, archive=archive) as world:
        world.live_until_complete()
        world.live(60)
    yield url


@pytest.mark.parametrize("asked", COMMANDS)
def test_command_of_a_question_prints_an_answer_or_the_reason_for_none(url: str, asked: str) -> None:
    name, *arguments = shlex.split(asked)
    printed = command(url, *arguments, name=name)
    assert printed.code in (ExitCode.SUCCESS, ExitCode.NOT_FOUND)
    assert printed.out if printed.code == ExitCode.SUCCESS else printed.err


def test_page_has_at_least_twelve_questions() -> None:
    assert len(set(COMMANDS)) >= 12
