"""The exporter in real time and over real HTTP, on free ports."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from exporter.app import Reload, create_app
from exporter.archive.database import sqlite_url
from exporter.archive.store import Archive
from exporter.config.settings import Aircall, Settings
from exporter.runtime.service import Service
from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from exporter.web.config_reloader import WebConfigReloader
from exporter.web.listeners import bind
from exporter.web.paths import AT_ROOT, Paths
from exporter.web.server import WebServer
from harness.scrape import Scrape

T = TypeVar("T")


def eventually(look: Callable[[], T | None], within: float = 30) -> T:
    """Wait until `look` returns a result, and return it. Raises AssertionError after `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        try:
            found = look()
        except (OSError, AssertionError) as error:
            problem: object = error
        else:
            if found:
                return found
            problem = repr(found)
        assert time.monotonic() < deadline, f"no result after {within} s: {problem}"
        time.sleep(0.05)


class Running:
    """An exporter that serves at `url`, and the account that it reads."""

    def __init__(self, aircall: SimulatedAircall, service: Service, url: str) -> None:
        self.aircall, self.account, self.service, self.url = aircall, aircall.account, service, url

    def scrape(self) -> Scrape:
        return Scrape.at(self.url)

    def until_ready(self) -> None:
        eventually(
            lambda: not self.service.latest.missing and "assignments" in self.service.latest.board.known
        )

    def until_polled(self) -> Scrape:
        """Wait until calls and availabilities have been requested again. Returns a scrape after that."""
        now = self.service.clock()

        def fresh() -> bool:
            datasets = self.service.latest.status.datasets
            return all((datasets[name].as_of or 0) > now for name in ("calls", "availabilities"))

        eventually(fresh)
        return self.scrape()


@contextmanager
def running(
    account: SimulatedAccount,
    *,
    reload: Reload | None = None,
    served: dict[str, Any] | None = None,
    web: WebConfigReloader | None = None,
    archive: Archive | None = None,
    api: bool = False,
    admin: bool = False,
    public_metrics: bool = False,
    paths: Paths = AT_ROOT,
    **settings: Any,
) -> Iterator[Running]:
    """Serve `account`, and an exporter of it that keeps calls in `archive`, until the block is left.

    The default archive is that of a simulated account, whose API needs no authentication.
    """
    with TemporaryDirectory() as storage, SimulatedAircall(account, **(served or {})) as aircall:
        aircall_api = Aircall(aircall.api_id, aircall.api_token, base_url=aircall.base_url)
        archive = archive or Archive(sqlite_url(storage), simulated=True)
        service = Service(Settings(aircall=aircall_api, **settings), archive)
        pages = create_app(service, reload, archive if api else None, admin, paths)
        listeners = [bind("127.0.0.1:0")]
        server = WebServer(pages, listeners, web, paths.public(public_metrics), paths.origin)
        service.start()
        server.start()
        try:
            yield Running(aircall, service, f"http://127.0.0.1:{server.port}{paths.prefix}")
        finally:
            server.stop()
            service.stop()
