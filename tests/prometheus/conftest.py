import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.stack import program

ROOT = Path(__file__).resolve().parents[2]

Run = Callable[..., str]


def _runner(tool: str) -> Run:
    def run(*arguments: str | Path) -> str:
        command = [tool, *map(str, arguments)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.fail(f"{' '.join(command)}\n{done.stdout}{done.stderr}", pytrace=False)
        return done.stdout

    return run


@pytest.fixture(scope="session")
def promtool() -> Run:
    return _runner(program("prometheus", "promtool"))


@pytest.fixture(scope="session")
def amtool() -> Run:
    return _runner(program("prometheus-alertmanager", "amtool"))


@pytest.fixture(scope="session")
def alertmanager_binary() -> str:
    return program("prometheus-alertmanager", "prometheus-alertmanager", "alertmanager")
