"""Real Prometheus servers with the history of simulated companies."""

from collections.abc import Iterator

import pytest

from tests.support import companies
from tests.support.past import Past
from tests.support.prometheus import Prometheus
from tests.support.prometheus_history import Scrapes, record, remembering


@pytest.fixture(scope="session")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    """Return the history of four companies in one database: a panel that mixes them shows wrong numbers."""
    scrapes = Scrapes(tmp_path_factory.mktemp("past"))
    busy, days, troubled = companies.busy(), companies.days(), companies.troubled()
    scrapes.watch(busy, 2400, 1800)
    scrapes.watch(days, companies.HOURS * companies.HOUR)
    scrapes.watch(troubled, 1200)
    reported, rings = companies.reported()
    scrapes.watch(reported, 1800)
    data = scrapes.filled()
    with (
        remembering(data, patience=1.5 * busy.every) as often,
        remembering(data, patience=1.5 * days.every) as rarely,
    ):
        record(often, busy, data)
        with remembering(data, patience=1.5 * busy.every) as recorded:
            servers = map(Prometheus, (often, rarely, recorded))
            yield Past(busy, days, troubled, reported, rings, *servers)
