"""Build queries for the thresholds in force. A threshold that is disabled has no series."""

from grafana_foundation_sdk.builders import timeseries

from grafana.boards.charts import lines
from grafana.boards.panels import Frame, over_time
from grafana.boards.promql import EXPORTER, RECENT

SLA = f"max(aircall_sla_seconds{{{EXPORTER}}} > 0)"
SERVICE_LEVEL = f'max(aircall_threshold_ratio{{{EXPORTER}, kpi="service_level"}} > 0)'
# As in the alerts, a quarter if the setting is off.
MISSED_RATE = f'(max(aircall_threshold_ratio{{{EXPORTER}, kpi="missed_rate"}} > 0) or vector(0.25))'


def queue_wait(level: str) -> str:
    """Return the threshold of a level of waiting, in seconds."""
    return f'max(aircall_queue_wait_threshold_seconds{{{EXPORTER}, level="{level}"}})'


def service_level(by: str, chosen: str, *, height: int) -> timeseries.Panel:
    """Build a chart of the service level of each team or number, with the threshold."""
    return lines(
        Frame(
            title=f"Service level by {by}",
            description="Share of the activity period's inbound calls that were answered within the second "
            "threshold of `queue_wait`; missed calls count as not. Good: above the dashed threshold, "
            "`service_level.target`.",
            unit="percentunit",
            empty="No calls in this time range",
            width=8,
            height=height,
        ),
        over_time(f"max by ({by}) (aircall_{by}_service_level_ratio{{{chosen}, {RECENT}}})", f"{{{{{by}}}}}"),
        over_time(SERVICE_LEVEL, "service level threshold"),
    )
