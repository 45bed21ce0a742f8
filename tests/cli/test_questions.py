"""Test the commands of docs/questions.md, and that the page has what they print."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.cli.exit_codes import ExitCode
from harness.questions import answer, answered, archived, commands
from tests.support.stack import ROOT

PAGE = (ROOT / "docs/questions.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with archived(tmp_path_factory.mktemp("questions")) as directory:
        yield directory


@pytest.mark.parametrize("asked", commands(PAGE))
def test_command_of_a_question_prints_an_answer(directory: Path, asked: str) -> None:
    code, printed = answer(directory, asked)
    assert code == ExitCode.SUCCESS, printed


def test_page_has_the_answers(directory: Path) -> None:
    assert answered(PAGE, directory) == PAGE, "run: make docs"


def test_page_has_at_least_twelve_questions() -> None:
    assert len(set(commands(PAGE))) >= 12
