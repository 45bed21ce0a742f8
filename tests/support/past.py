"""Prometheus servers that scrape an exporter, or that contain hours of companies' samples."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from exporter.config.settings import QueueWait, Refresh
from exporter.durations import Duration
from harness.addresses import free_address
from harness.dashboards import Panel
from harness.servers import served
from tests.support import companies
from tests.support.board_view import Line, View
from tests.support.prometheus import Prometheus
from tests.support.prometheus_history import Company
from tests.support.ring_plan import RingPlan
from tests.support.running import Running
from tests.support.stack import program

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
    """The companies, and Prometheus servers that contain the samples of all of them.

    `often` is for those that are scraped every ten seconds, `rarely` for the others; `recorded` has the
    recording rules' series as well.
    """

    busy: Company
    days: Company
    troubled: Company
    reported: Company
    rings: RingPlan
    """What rang on the users of `reported`."""
    often: Prometheus
    rarely: Prometheus
    recorded: Prometheus

    def view(self, company: Company, begin: float, end: float, **chosen: str) -> View:
        """Return a dashboard of the company, from `begin` to `end` (UNIX seconds)."""
        prometheus = self.rarely if company is self.days else self.often
        if chosen.get("calls", "").endswith(":sum"):
            prometheus = self.recorded
        queue_wait = company.settings.get("queue_wait", QueueWait())
        hidden = {"within": f"{queue_wait.critical:g}"}
        return View(prometheus, begin, end, {"instance": company.name, **hidden, **chosen})

    def bars(self, company: Company, panel: Panel, **chosen: str) -> dict[str, Line]:
        """Return a panel's bars of five minutes each. The first begins and the last ends at a quiet time.

        A bar that is not drawn is 0, also of a legend that is not shown.
        """
        step = 300
        moments = companies.quiet(company, step)
        chosen = {name: value for name, value in chosen.items() if value != "All"}
        begin, end = moments[0] + step, moments[-1]
        drawn = self.view(company, begin, end, **chosen).lines(panel, step)
        none = dict.fromkeys(map(float, range(begin, end + 1, step)), 0.0)
        return defaultdict(lambda: none, {legend: none | line for legend, line in drawn.items()})
