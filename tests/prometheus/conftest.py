import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

Run = Callable[..., str]


def _find(package: str, *names: str) -> str:
    for name in names:
        if path := shutil.which(name):
            return path
    pytest.fail(f"{names[0]} is missing: apt install {package}", pytrace=False)


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
    return _runner(_find("prometheus", "promtool"))


@pytest.fixture(scope="session")
def amtool() -> Run:
    return _runner(_find("prometheus-alertmanager", "amtool"))


@pytest.fixture(scope="session")
def alertmanager_binary() -> str:
    return _find("prometheus-alertmanager", "prometheus-alertmanager", "alertmanager")


@pytest.fixture(scope="session")
def prometheus_binary() -> str:
    return _find("prometheus", "prometheus")
