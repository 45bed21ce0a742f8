"""Tests of the exposition: it equals the output of prometheus-client for the same snapshot."""

import gzip
import re

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.config.settings import Thresholds
from exporter.durations import Duration
from exporter.metrics.exposition import Exposition
from exporter.simulator.simulation import SimulatedAccount
from harness.reference_exposition import plain
from harness.scrape import Scrape
from harness.simulated_time import Polled, polled

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
THRESHOLDS = Thresholds(
    average_call=Duration(120), in_call=Duration(40), after_call_work=Duration(20), missed_rate=0.2
)


def exposition(world: Polled) -> Exposition:
    return Exposition(
        world.poller.snapshot(), {"exporter": world.instruments}, world.writer.status, world.time
    )


def families(text: str) -> dict[str, str]:
    """Return each family's text by its first line. Each family must be in one place."""
    found = re.split(r"^(?=# HELP )", text.removesuffix("# EOF\n"), flags=re.MULTILINE)[1:]
    by_help = {family.partition("\n")[0]: family for family in found}
    assert len(by_help) == len(found)
    return by_help


def test_exposition_after_updates_equals_prometheus_client() -> None:
    with polled(SimulatedAccount(), sla=8, thresholds=THRESHOLDS) as world:
        served = exposition(world)
        for _ in range(12):
            for accept in ("", OPENMETRICS):
                theirs, content_type = plain(world.registry, accept)
                for zipped in (False, True):
                    body, served_type = served.expose(accept, zipped)
                    text = (gzip.decompress(body) if zipped else body).decode()
                    assert served_type == content_type
                    assert families(text) == families(theirs.decode())
                    assert text.endswith("# EOF\n") == bool(accept)
            world.live(25)
            served.update(world.poller.snapshot())


def test_exposition_in_both_formats_parses_to_the_same_values() -> None:
    with polled(SimulatedAccount(), sla=8, thresholds=THRESHOLDS) as world:
        world.live_until_complete()
        world.live(60)
        served = exposition(world)
        expected = world.scrape().samples
        assert len(expected) > 60
        for accept, parse in (("", parse_text), (OPENMETRICS, parse_openmetrics)):
            body, _ = served.expose(accept, zipped=False)
            assert Scrape(parse(body.decode())).samples == expected


def test_exposition_threshold_exceeded_between_polls_shows_it() -> None:
    with polled(SimulatedAccount(), thresholds=Thresholds(in_call=Duration(600))) as world:
        world.live_until_complete()
        served = exposition(world)

        def exceeded() -> set[str]:
            body, _ = served.expose("", zipped=False)
            scrape = Scrape(parse_text(body.decode()))
            assert scrape.samples == Scrape.of(world.registry).samples
            name = "aircall_user_threshold_exceeded"
            return {
                dict(labels)["user_id"] for labels, value in scrape.all(name, kpi="in_call").items() if value
            }

        talking = world.scrape().labels("aircall_user_current_call_seconds", "user_id")
        before = exceeded()
        assert talking - before
        world.time.now += 601
        assert exceeded() - before


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/html", "text/plain; version=0.0.4; charset=utf-8"),
        (
            "text/plain;version=1.0.0;escaping=allow-utf-8",
            "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
        ),
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,*/*;q=0.1",
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
        ),
        (
            "application/openmetrics-text;version=1.0.0;escaping=dots",
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores",
        ),
        ("application/openmetrics-text;version=0.0.1", "text/plain; version=0.0.4; charset=utf-8"),
    ],
)
def test_exposition_accept_header_selects_the_format(accept: str, content_type: str) -> None:
    with polled(SimulatedAccount(calls_per_hour=0)) as world:
        body, served_type = exposition(world).expose(accept, zipped=False)
    assert served_type == content_type
    assert body.endswith(b"# EOF\n") == served_type.startswith("application/openmetrics-text")
    assert b"\naircall_up 0.0\n" in body
