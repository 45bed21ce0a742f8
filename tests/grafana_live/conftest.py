import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from exporter.config.settings import GrafanaLive, Refresh
from exporter.durations import Duration
from exporter.simulator.simulation import SimulatedAccount
from harness.fake_grafana import FakeGrafana, fake_grafana
from tests.support.running import Running, running

TOKEN = "glsa_0123456789abcdef"
REFRESH = Refresh(calls=Duration(1), availabilities=Duration(1))


class Start(Protocol):
    """Runs an exporter that pushes to the Grafana at `url`."""

    def __call__(self, url: str, **settings: Any) -> AbstractContextManager[Running]: ...


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    return file


@pytest.fixture
def grafana() -> Iterator[FakeGrafana]:
    with fake_grafana(TOKEN) as grafana:
        yield grafana


@pytest.fixture
def logged() -> Iterator[list[EventDict]]:
    with capture_logs() as lines:
        yield lines


@pytest.fixture
def pushing_to(token_file: Path, logged: list[EventDict]) -> Start:
    """Return a function that runs an exporter of a quiet company, which pushes to a Grafana."""

    def run(url: str, **settings: Any) -> AbstractContextManager[Running]:
        account = SimulatedAccount(users=6, calls_per_hour=0, start=time.time())
        live = GrafanaLive(url, str(token_file))
        return running(account, served={"rate_limit": 6000}, refresh=REFRESH, grafana_live=live, **settings)

    return run
