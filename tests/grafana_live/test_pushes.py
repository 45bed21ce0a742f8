"""Test what an exporter pushes to Grafana Live, and when, over real HTTP."""

import time
from itertools import pairwise

import pytest
from msgspec.structs import replace

from exporter.config.settings import GrafanaLive, QueueWait
from exporter.durations import Duration
from exporter.grafana_live import schedule
from harness.fake_grafana import FakeGrafana, Push
from tests.grafana_live.conftest import Start
from tests.support.running import Running, eventually

CALLER = "+33 6 12 34 56 78"


def ring(exporter: Running, caller: str = CALLER, seconds_ago: float = 0.0) -> int:
    """Let a caller begin to wait. Returns the call's id."""
    number = next(iter(exporter.account.numbers))
    return exporter.account.ring_in(number, caller, at=time.time() - seconds_ago).id


def leave(exporter: Running, call: int) -> None:
    exporter.account.miss(call, "short_abandoned", at=time.time())


def pushed(grafana: FakeGrafana, *callers: str) -> Push:
    """Wait until the latest push has exactly these callers, and return it."""

    def latest() -> Push:
        assert grafana.pushes
        assert grafana.pushes[-1].callers == list(callers)
        return grafana.pushes[-1]

    return eventually(latest)


def test_push_after_the_start_shows_the_empty_queue(pushing_to: Start, grafana: FakeGrafana) -> None:
    with pushing_to(grafana.url) as exporter:
        push = pushed(grafana)
        assert push.totals["waiting"] == 0
        assert push.user_agent.startswith("aircall-exporter/")
        eventually(
            lambda: exporter.scrape().value("aircall_grafana_live_pushes_total", result="success") == 1
        )
        assert exporter.scrape().value("aircall_grafana_live_pushes_total", result="error") == 0
        assert exporter.scrape().value("aircall_exporter_thread_up", thread="grafana_live") == 1


def test_pushes_follow_callers_who_enter_and_leave(
    pushing_to: Start, grafana: FakeGrafana, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the heartbeat, only a change can cause the push of an empty queue."""
    monkeypatch.setattr(schedule, "HEARTBEAT_S", 3600.0)
    with pushing_to(grafana.url) as exporter:
        pushed(grafana)
        first = ring(exporter, seconds_ago=5)
        assert pushed(grafana, CALLER).column("number")[0] != ""
        ring(exporter, "+33 1 99")
        pushed(grafana, CALLER, "+33 1 99")
        leave(exporter, first)
        pushed(grafana, "+33 1 99")
        for call in exporter.service.latest.board.queue:
            leave(exporter, int(call.id))
        pushed(grafana)


def test_push_shows_the_same_wait_and_level_as_the_metrics(pushing_to: Start, grafana: FakeGrafana) -> None:
    limits = QueueWait(Duration(60), Duration(120))
    with pushing_to(grafana.url, queue_wait=limits) as exporter:
        ring(exporter, seconds_ago=90)
        push = pushed(grafana, CALLER)
        scrape = exporter.scrape()
        wait = scrape.number("aircall_queue_call_wait_seconds", caller=CALLER)
        assert push.column("level")[0] == scrape.value("aircall_queue_call_wait_level", caller=CALLER) == 1
        assert push.totals == {"waiting": 1, "longest_wait": push.column("wait")[0], "level": 1, "up": 1}
        shown = push.column("wait")[0]
        assert isinstance(shown, float)
        assert 0 <= wait - shown <= 30  # the scrape is later


def test_push_while_a_caller_waits_is_repeated_each_second(pushing_to: Start, grafana: FakeGrafana) -> None:
    with pushing_to(grafana.url) as exporter:
        ring(exporter)
        pushed(grafana, CALLER)
        begin = len(grafana.pushes)
        eventually(lambda: len(grafana.pushes) >= begin + 4)
        repeated = grafana.pushes[begin : begin + 4]
        waits = [each.column("wait")[0] for each in repeated]
        assert len(set(waits)) == 4, "no second is shown twice, so there is one push per second at most"
        assert all(before.rows[0].time < after.rows[0].time for before, after in pairwise(repeated))


def test_empty_queue_is_repeated_as_a_heartbeat(
    pushing_to: Start, grafana: FakeGrafana, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "HEARTBEAT_S", 0.3)
    with pushing_to(grafana.url):
        eventually(lambda: len(grafana.pushes) >= 8)
        assert all(not push.callers for push in grafana.pushes)
        first, *_, last = (push.at for push in grafana.pushes[:8])
        assert last - first > 7 * 0.3 / 2  # a push may arrive late, so that the next one follows closely


@pytest.mark.parametrize(("caller", "shown"), [("masked", "+** * ** ** *6 78"), ("hidden", "hidden")])
def test_push_protects_callers_as_configured(
    pushing_to: Start, grafana: FakeGrafana, caller: str, shown: str
) -> None:
    with pushing_to(grafana.url, caller=caller) as exporter:
        ring(exporter)
        pushed(grafana, shown)


def test_reload_without_grafana_live_ends_the_pushes_and_with_another_url_moves_them(
    pushing_to: Start, grafana: FakeGrafana
) -> None:
    with pushing_to(f"{grafana.url}/elsewhere") as exporter:
        eventually(lambda: grafana.refused)
        settings = exporter.service.latest.board.settings
        moved = replace(settings, grafana_live=replace(settings.grafana_live, url=grafana.url))
        assert exporter.service.configure(moved) == ()
        ring(exporter)
        pushed(grafana, CALLER)
        assert exporter.service.configure(replace(settings, grafana_live=GrafanaLive())) == ()
        eventually(lambda: not exporter.service.latest.board.settings.grafana_live.url)
        ended = exporter.scrape().value("aircall_grafana_live_pushes_total", result="success")
        exporter.until_polled()
        exporter.until_polled()
        after = exporter.scrape().number("aircall_grafana_live_pushes_total", result="success")
        assert after <= (ended or 0) + 1  # one may have been under way


def test_reload_with_another_stream_pushes_to_it(pushing_to: Start, grafana: FakeGrafana) -> None:
    with pushing_to(grafana.url) as exporter:
        pushed(grafana)
        settings = exporter.service.latest.board.settings
        live = replace(settings.grafana_live, stream="aircall-france")
        grafana.stream = live.stream
        assert exporter.service.configure(replace(settings, grafana_live=live)) == ()
        ring(exporter)
        pushed(grafana, CALLER)


def test_reload_that_adds_grafana_live_needs_a_restart(pushing_to: Start, grafana: FakeGrafana) -> None:
    with pushing_to("") as exporter:
        exporter.until_ready()
        settings = exporter.service.latest.board.settings
        added = replace(settings, grafana_live=GrafanaLive(grafana.url, "/file"))
        assert exporter.service.configure(added) == ("grafana_live.url",)
        assert exporter.scrape().all("aircall_grafana_live_pushes_total") == {}
