import gc
import logging
import subprocess
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import structlog
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from exporter.archive.store import Archive
from exporter.simulator.simulation import SimulatedAccount
from harness.postgres import Postgres, postgres
from harness.simulated_time import NOON, Polled, polled
from tests.support.authority import Authority
from tests.support.filled_archive import Kept
from tests.support.stack import ROOT, Run, program

# How long an example takes says how busy the machine is with other things.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


SHARED = ("past: Past", "kept_archive: Kept")
"""Fixtures of a session that take long to build, as tests name them."""


class FilesOrGroups(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """Lets a process run a file of tests at a time, or all files that use the same of the SHARED fixtures."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        super().__init__(config, log)
        texts = {str(file.relative_to(ROOT)): file.read_text() for file in ROOT.glob("tests/*/test_*.py")}
        self._groups = {file: shared for file, text in texts.items() for shared in SHARED if shared in text}

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return self._groups.get(file, file)


LONGEST = ("tests/grafana/", "tests/system/", "tests/archive/", "tests/polling/", "tests/report/")
"""Packages whose files take longest. They run first, so that the last files of a run are short ones."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    return FilesOrGroups(config, log) if config.getoption("dist") == "loadfile" else None


# Collecting thousands of tests creates objects that all stay. Walking them for garbage takes seconds in each
# process, and later in each test.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """Undo what a command that runs in a test's own process does to the logs of later tests."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def account() -> SimulatedAccount:
    """Return a quiet company, in which all users are available and which only the test changes."""
    return SimulatedAccount(users=6, calls_per_hour=0, start=NOON)


@pytest.fixture
def world(account: SimulatedAccount) -> Iterator[Polled]:
    """Run an exporter of that company, with each dataset fetched once."""
    with polled(account) as world:
        world.live_until_complete()
        yield world


_numbers = count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Return a function that creates an empty database and returns its URL, for each kind of database."""
    if request.param == "sqlite":
        return lambda: f"sqlite:///{tmp_path}/archive{next(_numbers)}.sqlite"
    server: Postgres = request.getfixturevalue("postgres_server")
    return lambda: server.database("test")


@pytest.fixture
def database(new_database: Callable[[], str]) -> str:
    """Return the URL of an empty database, for each kind of database."""
    return new_database()


@pytest.fixture
def archive(database: str) -> Iterator[Archive]:
    """Return a loaded archive."""
    archive = Archive(database)
    archive.load()
    yield archive
    archive.close()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def kept_archive(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """Return an archive of some busy hours, for each kind of database."""
    if request.param == "sqlite":
        return Kept(f"sqlite:///{tmp_path_factory.mktemp('kept')}/archive.sqlite")
    server: Postgres = request.getfixturevalue("postgres_server")
    return Kept(server.database("kept"))


@pytest.fixture(scope="session")
def authority() -> Iterator[Authority]:
    with TemporaryDirectory() as directory:
        authority = Authority(Path(directory))
        authority.issue("server", "first")
        authority.issue("client", "prometheus")
        yield authority


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
