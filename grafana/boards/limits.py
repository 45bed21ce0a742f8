"""Build queries for the thresholds in force. A threshold that is disabled has no series."""

from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.builders.prometheus import Dataquery

from grafana.boards.charts import lines
from grafana.boards.panels import Frame, over_time
from grafana.boards.promql import EXPORTER, RECENT

SLA = f"max(aircall_sla_seconds{{{EXPORTER}}} > 0)"
SERVICE_LEVEL = f'max(aircall_threshold_ratio{{{EXPORTER}, kpi="service_level"}} > 0)'
# The limit of most numbers. A number with an override of its own does not change it.
MISSED_RATE = f'quantile(0.5, aircall_number_missed_threshold_ratio{{{EXPORTER}, level="warning"}})'
# The last in the time range, because the exporter may not run at its end.
WITHIN = f"quantile(0.5, last_over_time(aircall_number_service_level_within_seconds{{{EXPORTER}}}[$__range]))"


def queue_wait(level: str) -> str:
    """Return the threshold of a level of waiting, in seconds."""
    return f'max(aircall_queue_wait_threshold_seconds{{{EXPORTER}, level="{level}"}})'


def service_level(by: str, chosen: str, *, height: int) -> timeseries.Panel:
    """Build a chart of the service level of each team or number, with the threshold."""
    return _of_the_period(
        Frame(
            title=f"Service level by {by}",
            description="Share of the activity period's inbound calls that were answered within "
            "`service_level.within`; missed calls count as not. Good: above the dashed threshold, "
            "`service_level.target`.",
            unit="percentunit",
            empty="No calls in this time range",
            width=8,
            height=height,
        ),
        by,
        f"service_level_ratio{{{chosen}, {RECENT}}}",
        over_time(SERVICE_LEVEL, "service level threshold"),
    )


def abandonment(by: str, chosen: str, *, width: int, height: int) -> timeseries.Panel:
    """Build a chart of the share of abandoned calls of each team or number."""
    return _of_the_period(
        Frame(
            title=f"Abandoned calls by {by}",
            description="Share of the activity period's inbound calls that the caller ended before an "
            "answer. Calls that `service_level` ignores do not count. Good: low.",
            unit="percentunit",
            empty="No calls in this time range",
            width=width,
            height=height,
        ),
        by,
        f"abandoned_ratio{{{chosen}, {RECENT}}}",
    )


def time_to_abandon(by: str, chosen: str, *, width: int, height: int) -> timeseries.Panel:
    """Build a chart of the average wait of the abandoned calls of each team or number."""
    return _of_the_period(
        Frame(
            title=f"Wait of abandoned calls by {by}",
            description="Average wait of the activity period's inbound calls that the caller ended before an "
            "answer. Compare it with the time to answer.",
            unit="s",
            empty="No caller gave up in this time range",
            width=width,
            height=height,
        ),
        by,
        f"average_abandon_seconds{{{chosen}, {RECENT}}}",
    )


def _of_the_period(frame: Frame, by: str, figure: str, *limits: Dataquery) -> timeseries.Panel:
    """Build a chart of a figure of each team or number, with its limits."""
    return lines(frame, over_time(f"max by ({by}) (aircall_{by}_{figure})", f"{{{{{by}}}}}"), *limits)
