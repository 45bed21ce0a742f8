"""The worked examples of docs/service-level.md follow from the rules."""

import re

import pytest
import yaml

from exporter.account.kpi_rules import ServiceRule, general_rules
from exporter.account.period import InboundTally, Period
from exporter.aircall.models import Call, Ref
from exporter.config.settings import Settings
from exporter.config.yaml_file import convert
from tests.support.stack import ROOT

PAGE = (ROOT / "docs" / "service-level.md").read_text(encoding="utf-8")
START = 1_780_000_000
MISSED = (
    ("short_abandoned", 4),
    ("abandoned_in_classic", 15),
    ("abandoned_in_classic", 90),
    ("out_of_opening_hours", 0),
)


def counted(rule: ServiceRule) -> InboundTally:
    """Return the inbound calls of the example."""
    period = Period((rule,))
    calls: list[tuple[int | None, int, str | None]] = [
        (START + wait, START + wait + 60, None) for wait in [20] * 14 + [35] * 2
    ]
    calls += [(None, START + lasted, reason) for reason, lasted in MISSED]
    for id_, (answered_at, ended_at, reason) in enumerate(calls):
        period.put(Call(id_, "inbound", "done", START, answered_at, ended_at, reason, number=Ref(1)))
    return period.inbound(period.numbers[1], [1], rule)


ROWS = re.findall(r"^\| ([a-z ]+) \| (.+) \| ([0-9]+) / ([0-9]+) \| ([0-9.]+) % \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("name", "settings", "in_time", "offered", "percent"), ROWS)
def test_service_level_of_each_definition_equals_its_example(
    name: str, settings: str, in_time: str, offered: str, percent: str
) -> None:
    written = "" if settings == "the default" else settings.strip("`")
    level = {"within": "20s"} | (yaml.safe_load(written) or {})
    inbound = counted(general_rules(convert({"service_level": level}, Settings, name)).service)
    assert (inbound.in_time, inbound.answered + inbound.missed) == (int(in_time), int(offered))
    assert inbound.service_level == pytest.approx(float(percent) / 100, abs=0.0005)


def test_service_level_page_has_four_definitions_and_the_abandonment_of_the_example() -> None:
    assert len(ROWS) == 4
    inbound = counted(general_rules(Settings()).service)
    assert f"{inbound.abandoned} / {inbound.answered + inbound.missed}, or 15 %" in PAGE
    assert inbound.abandoned_ratio == 0.15
    assert inbound.average_abandon == pytest.approx(36.3, abs=0.05)
