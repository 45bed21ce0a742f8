"""Writes the reference pages that are made from the code (`make docs`); a test compares the committed ones."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from exporter.aircall.client import ClientMetrics
from exporter.clock import Clocks
from exporter.grafana_live.metrics import LiveMetrics
from exporter.metrics import archive, call_backs, counters, exporter, info, numbers, queue, teams, users
from exporter.metrics.family import Family, Kind
from exporter.metrics.groups import GROUPS, PARAMETER, MetricGroup
from exporter.polling.metrics import PollerMetrics
from exporter.runtime.leader_metric import LeaderMetric
from exporter.runtime.thread_metrics import ThreadMetrics
from exporter.webhooks.metrics import WebhookMetrics
from harness.faults.board_checks import POLL
from harness.faults.table import FAULT_CASES, FaultCase
from harness.questions import answered, archived
from scripts import chart_values

DOCS = Path(__file__).parents[1] / "docs"
METRICS, QUESTIONS, RELIABILITY = (DOCS / f"{name}.md" for name in ("metrics", "questions", "reliability"))

_INTRODUCTION = """# Metrics

`/metrics` serves these families. This page is generated from the code by `make docs`.

- Ids are strings. `user`, `team` and `number` are display names and always come with their ids. Two users may have the same name, but never the same id.
- `period="recent"` is the activity period: finished calls that started within the last `activity_period` (15 minutes by default), as of the last poll of calls.
  `period="today"` is the day: finished calls that started since `today.starts_at`. It is read from the archive at a start. Never sum over `period`.
  Its series, and `aircall_today_start_timestamp_seconds`, are absent while calls of the day are missing: until the archive is open and all calls of the day are fetched.
  So they are never too low. If `storage.backfill` is shorter than `1d`, the day of the first start begins where the fetched calls do.
- `direction` is `inbound` or `outbound`. `outcome` is `answered` or `missed` for inbound calls, and `answered` or `unanswered` for outbound calls.
  Inbound calls that an AI voice agent handled without a user have the outcome `ai_agent`; there are no such series without such calls.
  `state` is `available`, `offline`, `do_not_disturb`, `in_call`, `after_call_work` or `unknown`.
- A count is 0 if there is nothing to count. An average or ratio is absent if there is nothing to divide by.
- A user in two teams has one series for each team. To sum over users, apply `max without (team_id, team)` first, or use the families without team labels, in which each call
  is counted once.
- Waits, durations of current calls and ages are evaluated at the scrape. Everything else is as of the last poll. If Aircall cannot be reached, the last known values stay, the
  ages grow and `aircall_up` is 0.
- Counters start with the activity period before the first start of the exporter and continue across restarts. Calls that took place in between are fetched, and each is counted
  once. The counters appear once all calls have been fetched.

## Groups

Each family is in one group. `/metrics?{parameter}=GROUP` returns the families of a group; the parameter may be repeated. Without it, all groups are returned. A group that does not exist
is answered with 400 and the list of groups. A scrape of some groups costs less, so that it can be more frequent: [prometheus.yml](../prometheus/prometheus.yml) has one
job for `queue` and `presence`, and one for the rest.

| group | families |
| --- | --- |
"""

_SECTIONS = {
    "Names, memberships and assignments": info.FAMILIES,
    "Users": users.FAMILIES,
    "Teams": teams.FAMILIES,
    "Numbers": numbers.FAMILIES,
    "Queue": queue.FAMILIES,
    "Call-backs": call_backs.FAMILIES,
    "Counters": counters.FAMILIES,
    "The call archive": archive.FAMILIES,
    "Settings in force, and the exporter itself": exporter.FAMILIES,
}


def metrics_page() -> str:
    """Return the page docs/metrics.md as generated from the code."""
    registry = CollectorRegistry()
    sections = dict(_SECTIONS)
    for counted in (
        ClientMetrics(registry),
        PollerMetrics(registry),
        ThreadMetrics(registry, ()),
        LeaderMetric(registry, bool),
        LiveMetrics(registry),
    ):
        sections["Settings in force, and the exporter itself"] += _instruments(counted, "exporter")
    webhooks = _instruments(WebhookMetrics(registry, Clocks(float, float)), "webhooks")
    sections["Webhooks"] = webhooks + counters.WEBHOOK_ONLY
    groups = "".join(f"| `{name}` | {meaning} |\n" for name, meaning in GROUPS.items())
    return (
        _INTRODUCTION.format(parameter=PARAMETER)
        + groups
        + "".join(
            f"\n## {title}\n\n| metric | type | labels | group | meaning |\n| --- | --- | --- | --- | --- |\n"
            + "".join(map(_row, families))
            for title, families in sections.items()
        )
    )


def _row(family: Family) -> str:
    labels = ", ".join(f"`{label}`" for label in family.labels) or "–"
    return f"| `{family.name}` | {family.kind} | {labels} | {family.group} | {family.help} |\n"


def _instruments(counted: object, group: MetricGroup) -> tuple[Family, ...]:
    """Return the families that the exporter counts with the client library, all in one group."""
    return tuple(
        Family(
            f"{metric._name}_total" if metric._type == "counter" else metric._name,
            cast("Kind", metric._type),
            metric._documentation,
            tuple(metric._labelnames),
            group=group,
        )
        for metric in vars(counted).values()
        if isinstance(metric, MetricWrapperBase)
    )


def reliability_page(page: str) -> str:
    """Return the page docs/reliability.md with the generated table of faults."""
    table = "| fault | what was done | what the board showed | lost | recovered within |\n"
    table += "| --- | --- | --- | --: | --: |\n" + "".join(map(_fault, FAULT_CASES))
    return re.sub(r"(<!-- by [^\n]* -->\n).*?(<!-- end -->)", rf"\1{table}\2", page, flags=re.DOTALL)


def _fault(case: FaultCase) -> str:
    settled = f", all calls {case.delay // 60} min" if case.delay else ""
    return f"| {case.fault} | {case.detail} | {case.board.words} | 0 | {POLL} s{settled} |\n"


if __name__ == "__main__":
    METRICS.write_text(metrics_page(), encoding="utf-8")
    RELIABILITY.write_text(reliability_page(RELIABILITY.read_text(encoding="utf-8")), encoding="utf-8")
    chart_values.write()
    with TemporaryDirectory() as directory, archived(Path(directory)):
        page = answered(QUESTIONS.read_text(encoding="utf-8"), Path(directory))
    QUESTIONS.write_text(page, encoding="utf-8")
