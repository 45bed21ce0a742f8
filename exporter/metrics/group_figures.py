"""Families that teams and numbers have alike: the figures of their calls, and the rules in force for them."""

from collections.abc import Iterator
from typing import Literal

from exporter.account.board import NumberRow, TeamRow
from exporter.account.kpi_rules import KpiRules
from exporter.account.thresholds import group_checks
from exporter.config.settings import Thresholds
from exporter.metrics.family import Family, LabelValues, Sample

_NO_CALLS = "Absent if there are none."


class FigureFamilies:
    """The families of the figures of teams, or of numbers."""

    def __init__(self, kind: Literal["team", "number"], missed_on: str, without_assignments: str) -> None:
        """Define the families.

        Args:
            kind: The object that the families describe.
            missed_on: The numbers whose missed calls are those of the object.
            without_assignments: A sentence about families that need assignments, or "".
        """
        labels = (f"{kind}_id", kind)
        period, name = (*labels, "period"), f"aircall_{kind}"
        absent = f" {without_assignments}".rstrip()
        counts = f"Calls that service_level ignores are left out. {_NO_CALLS}{absent}"

        def gauge(suffix: str, text: str, labels: tuple[str, ...] = period) -> Family:
            return Family(f"{name}_{suffix}", "gauge", text, labels, group="period")

        self.calls = gauge(
            "period_calls",
            f"Finished calls of the {kind} in the period, each counted once. Inbound missed calls are those"
            f" on {missed_on}.{absent} The period today is absent while calls of the day are missing.",
            (*period, "direction", "outcome"),
        )
        self.missed_calls = gauge(
            "period_missed_calls",
            f"Calls missed in the period on {missed_on}, each counted once, by Aircall's reason.{absent}",
            (*period, "reason"),
        )
        self.average_answer = gauge(
            "average_answer_seconds",
            f"Average time to answer of the {kind}'s inbound calls in the period. {_NO_CALLS}",
        )
        self.average_call = gauge(
            "average_call_duration_seconds",
            f"Average length, including ringing, of the {kind}'s calls in the period, without missed calls."
            f" {_NO_CALLS}",
        )
        self.sla_breached = gauge(
            "sla_breached",
            f"1 if the {kind}'s average time to answer exceeds its SLA, else 0. Absent if the SLA is off.",
        )
        self.service_calls = gauge(
            "service_calls",
            f"Inbound calls of the {kind} in the period that count for the service level, by result: in_time"
            " or late (answered), abandoned (the caller ended the call before an answer), or missed (for"
            f" another reason).{absent}",
            (*period, "result"),
        )
        self.service_level = gauge(
            "service_level_ratio",
            f"Share of the {kind}'s inbound calls in the period, including missed ones, that were answered"
            f" within service_level.within. {counts}",
        )
        self.missed_ratio = gauge(
            "missed_ratio", f"Share of the {kind}'s inbound calls in the period that were missed. {counts}"
        )
        self.abandoned_ratio = gauge(
            "abandoned_ratio",
            f"Share of the {kind}'s inbound calls in the period that the caller ended before an answer."
            f" {counts}",
        )
        self.average_abandon = gauge(
            "average_abandon_seconds",
            f"Average wait of the {kind}'s inbound calls in the period that the caller ended before an"
            f" answer. {counts}",
        )
        self.threshold_exceeded = gauge(
            "threshold_exceeded",
            f"1 if the {kind} exceeds a configured threshold in the activity period (for service_level: does"
            " not reach it), else 0. Absent for thresholds that are off. kpi is average_call, missed_rate,"
            " abandoned_rate or service_level.",
            (*labels, "kpi"),
        )
        self.sla = Family(
            f"{name}_sla_seconds",
            "gauge",
            f"Longest acceptable average time to answer of the {kind}; 0 if the SLA is off.",
            labels,
            group="settings",
        )
        self.within = Family(
            f"{name}_service_level_within_seconds",
            "gauge",
            f"Longest time to answer of the {kind} that is in time for the service level.",
            labels,
            group="settings",
        )
        self.target = Family(
            f"{name}_service_level_target_ratio",
            "gauge",
            f"Service level below which the {kind} is marked; 0 if that is off.",
            labels,
            group="settings",
        )
        self.missed_threshold = Family(
            f"{name}_missed_threshold_ratio",
            "gauge",
            f"Share of missed calls of the {kind} above which an alert of this level fires.",
            (*labels, "level"),
            group="settings",
        )
        self.abandoned_threshold = Family(
            f"{name}_abandoned_threshold_ratio",
            "gauge",
            f"Share of abandoned calls above which an alert for the {kind} fires; 0 if that is off.",
            labels,
            group="settings",
        )
        self.families = tuple(vars(self).values())

    def figures(
        self, row: TeamRow | NumberRow, labels: LabelValues, thresholds: Thresholds
    ) -> Iterator[Sample]:
        """Yield the figures of a team or number with these labels."""
        for period, figures in row.figures.items():
            of_period = (*labels, period)
            for kind, count in figures.calls.items():
                yield self.calls, (*of_period, *kind), count
            for reason, count in figures.missed.items():
                yield self.missed_calls, (*of_period, reason), count
            yield self.average_answer, of_period, figures.average_answer
            yield self.average_call, of_period, figures.average_call
            yield self.sla_breached, of_period, figures.sla_breached
            if (inbound := figures.inbound) is not None:
                for result, count in inbound.by_result.items():
                    yield self.service_calls, (*of_period, result), count
                yield self.service_level, of_period, inbound.service_level
                yield self.missed_ratio, of_period, inbound.missed_ratio
                yield self.abandoned_ratio, of_period, inbound.abandoned_ratio
                yield self.average_abandon, of_period, inbound.average_abandon
        for kpi, exceeded in group_checks(row, thresholds):
            yield self.threshold_exceeded, (*labels, kpi), exceeded

    def rules(self, rules: KpiRules, labels: LabelValues) -> Iterator[Sample]:
        """Yield the rules in force for a team or number with these labels."""
        yield self.sla, labels, rules.sla
        yield self.within, labels, rules.service.within
        yield self.target, labels, rules.target
        yield self.abandoned_threshold, labels, rules.abandoned_rate
        for level, share in zip(("warning", "critical"), rules.missed_alerts, strict=True):
            yield self.missed_threshold, (*labels, level), share
