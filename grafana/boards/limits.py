"""The thresholds in force, as the exporter gives them; where one is off there is nothing to compare with."""

from grafana.boards.promql import EXPORTER

SLA = f"max(aircall_sla_seconds{{{EXPORTER}}} > 0)"
SERVICE_LEVEL = f'max(aircall_threshold_ratio{{{EXPORTER}, kpi="service_level"}} > 0)'
# As in the alerts: a quarter where the setting is off.
MISSED_SHARE = f'(max(aircall_threshold_ratio{{{EXPORTER}, kpi="missed_share"}} > 0) or vector(0.25))'


def queue_wait(level: str) -> str:
    """From when on, in seconds, a wait is of that level."""
    return f'max(aircall_queue_wait_threshold_seconds{{{EXPORTER}, level="{level}"}})'
