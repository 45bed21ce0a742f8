"""Real Prometheus servers: one that scrapes an exporter now, and some that remember hours of companies."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from exporter.config.settings import Refresh
from exporter.durations import Duration
from tests.grafana import companies
from tests.grafana.boards import Panel
from tests.grafana.history import Company, Scrapes, record, remembering
from tests.grafana.prometheus import Prometheus
from tests.grafana.view import Line, View
from tests.running import Running
from tests.stack import free_address, program, served

QUICK = Refresh(calls=Duration(2), availabilities=Duration(2), substatuses=Duration(2))


@contextmanager
def scraped(exporter: Running, directory: Path) -> Iterator[Prometheus]:
    """Run a Prometheus that scrapes the exporter every second."""
    address, target = free_address(), exporter.url.removeprefix("http://")
    (directory / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
        f"scrape_configs: [{{job_name: aircall, static_configs: [{{targets: ['{target}']}}]}}]\n"
    )
    with served(
        program("prometheus", "prometheus"),
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        f"--web.listen-address={address}",
        directory=directory,
        ready=f"http://{address}/-/ready",
    ):
        yield Prometheus(f"http://{address}")


@dataclass(frozen=True)
class Past:
    """What was: the companies, and Prometheus servers that remember them all.

    `often` is for those that are scraped every ten seconds, `rarely` for the others; `recorded` has the
    recording rules' series as well.
    """

    busy: Company
    days: Company
    troubled: Company
    often: Prometheus
    rarely: Prometheus
    recorded: Prometheus

    def view(self, company: Company, begin: float, end: float, **chosen: str) -> View:
        """Return a dashboard of the company, from `begin` to `end` (UNIX seconds)."""
        prometheus = self.rarely if company is self.days else self.often
        if chosen.get("calls", "").endswith(":sum"):
            prometheus = self.recorded
        return View(prometheus, begin, end, {"instance": company.name, **chosen})

    def bars(self, company: Company, panel: Panel, **chosen: str) -> dict[str, Line]:
        """Return a panel's bars of five minutes each. The first begins and the last ends at a quiet time."""
        step = 300
        moments = companies.quiet(company, step)
        chosen = {name: value for name, value in chosen.items() if value != "All"}
        return self.view(company, moments[0] + step, moments[-1], **chosen).lines(panel, step)


@pytest.fixture(scope="session")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    """Three companies at once, so that a panel that mixes them up shows wrong numbers."""
    scrapes = Scrapes(tmp_path_factory.mktemp("past"))
    busy, days, troubled = companies.busy(), companies.days(), companies.troubled()
    scrapes.watch(busy, 2400, 1800)
    scrapes.watch(days, companies.HOURS * companies.HOUR)
    scrapes.watch(troubled, 1200)
    data = scrapes.filled()
    with (
        remembering(data, patience=1.5 * busy.every) as often,
        remembering(data, patience=1.5 * days.every) as rarely,
    ):
        record(often, busy, data)
        with remembering(data, patience=1.5 * busy.every) as recorded:
            yield Past(busy, days, troubled, *map(Prometheus, (often, rarely, recorded)))
