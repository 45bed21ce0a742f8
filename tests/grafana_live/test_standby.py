"""Test that an exporter on standby does not push."""

import threading

from exporter.archive.store import Archive
from harness.fake_grafana import FakeGrafana
from harness.postgres import Postgres
from tests.grafana_live.conftest import Start
from tests.grafana_live.test_pushes import pushed
from tests.support.running import eventually


def test_exporter_on_standby_pushes_only_after_it_has_taken_over(
    pushing_to: Start, grafana: FakeGrafana, postgres_server: Postgres
) -> None:
    url = postgres_server.database("live")
    leader = Archive(url, exclusive=True)
    leader.load()
    with pushing_to(grafana.url, archive=Archive(url, exclusive=True)) as exporter:
        eventually(lambda: exporter.service.standby_reason)
        assert "archive" in {thread.name for thread in threading.enumerate()}
        assert "grafana_live" not in {thread.name for thread in threading.enumerate()}
        assert grafana.pushes == []
        leader.close()
        pushed(grafana)
