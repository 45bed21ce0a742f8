"""Tests of the names and labels that users' dashboards and alerts depend on."""

import pytest

from exporter.config.settings import ServiceLevel, Thresholds
from exporter.metrics.sections import FAMILIES
from scripts.reference import metrics_page

USER, TEAM, NUMBER = ("user_id", "user"), ("team_id", "team"), ("number_id", "number")
MEMBER = (*USER, *TEAM)
CALLS = ("period", "direction", "outcome")

LABELS: dict[str, tuple[str, ...]] = {
    "aircall_user_info": (*USER, "time_zone", "language"),
    "aircall_user_display_info": (*USER, "display_name"),
    "aircall_user_team_info": (*USER, *TEAM),
    "aircall_user_number_info": (*USER, *NUMBER),
    "aircall_number_info": (*NUMBER, "digits", "country", "time_zone"),
    "aircall_user_availability": (*MEMBER, "state"),
    "aircall_user_availability_code": MEMBER,
    "aircall_user_availability_changed_timestamp_seconds": MEMBER,
    "aircall_user_availability_seconds_total": (*MEMBER, "state"),
    "aircall_user_substatus": (*MEMBER, "substatus"),
    "aircall_user_substatus_seconds_total": (*MEMBER, "substatus"),
    "aircall_user_period_calls": (*MEMBER, *CALLS),
    "aircall_user_average_answer_seconds": (*MEMBER, "period"),
    "aircall_user_average_call_duration_seconds": (*MEMBER, "period"),
    "aircall_user_sla_breached": (*MEMBER, "period"),
    "aircall_user_current_call_seconds": (*MEMBER, "direction", *NUMBER, "caller"),
    "aircall_user_waiting_calls": MEMBER,
    "aircall_team_users": (*TEAM, "state"),
    "aircall_team_period_calls": (*TEAM, *CALLS),
    "aircall_team_period_missed_calls": (*TEAM, "period", "reason"),
    "aircall_team_average_answer_seconds": (*TEAM, "period"),
    "aircall_team_average_call_duration_seconds": (*TEAM, "period"),
    "aircall_team_sla_breached": (*TEAM, "period"),
    "aircall_team_service_level_ratio": (*TEAM, "period"),
    "aircall_team_waiting_calls": TEAM,
    "aircall_team_service_calls": (*TEAM, "period", "result"),
    "aircall_team_missed_ratio": (*TEAM, "period"),
    "aircall_team_abandoned_ratio": (*TEAM, "period"),
    "aircall_team_average_abandon_seconds": (*TEAM, "period"),
    "aircall_team_sla_seconds": TEAM,
    "aircall_team_service_level_target_ratio": TEAM,
    "aircall_team_service_level_within_seconds": TEAM,
    "aircall_team_missed_threshold_ratio": (*TEAM, "level"),
    "aircall_team_abandoned_threshold_ratio": TEAM,
    "aircall_number_users": (*NUMBER, "state"),
    "aircall_number_open": NUMBER,
    "aircall_number_period_calls": (*NUMBER, *CALLS),
    "aircall_number_period_missed_calls": (*NUMBER, "period", "reason"),
    "aircall_number_average_answer_seconds": (*NUMBER, "period"),
    "aircall_number_sla_breached": (*NUMBER, "period"),
    "aircall_number_service_level_ratio": (*NUMBER, "period"),
    "aircall_number_service_calls": (*NUMBER, "period", "result"),
    "aircall_number_missed_ratio": (*NUMBER, "period"),
    "aircall_number_abandoned_ratio": (*NUMBER, "period"),
    "aircall_number_average_abandon_seconds": (*NUMBER, "period"),
    "aircall_number_sla_seconds": NUMBER,
    "aircall_number_queue_wait_threshold_seconds": (*NUMBER, "level"),
    "aircall_number_service_level_target_ratio": NUMBER,
    "aircall_number_service_level_within_seconds": NUMBER,
    "aircall_number_missed_threshold_ratio": (*NUMBER, "level"),
    "aircall_number_abandoned_threshold_ratio": NUMBER,
    "aircall_queue_calls": NUMBER,
    "aircall_queue_longest_wait_seconds": NUMBER,
    "aircall_queue_call_wait_seconds": (*NUMBER, "call_id", "caller"),
    "aircall_queue_call_wait_level": (*NUMBER, "call_id", "caller"),
    "aircall_calls_total": (*USER, *NUMBER, "direction", "outcome"),
    "aircall_missed_calls_total": (*NUMBER, "reason"),
    "aircall_team_calls_total": (*TEAM, "direction", "outcome"),
    "aircall_call_answer_seconds": NUMBER,
    "aircall_team_call_answer_seconds": TEAM,
    "aircall_call_abandon_seconds": NUMBER,
    "aircall_call_talk_seconds": (*NUMBER, "direction"),
    "aircall_call_queue_wait_seconds": NUMBER,
    "aircall_user_answer_seconds": USER,
    "aircall_user_talk_seconds": (*USER, "direction"),
    "aircall_user_ring_attempts_total": (*USER, "result"),
    "aircall_activity_period_seconds": (),
    "aircall_today_start_timestamp_seconds": (),
    "aircall_sla_seconds": (),
    "aircall_queue_wait_threshold_seconds": ("level",),
    "aircall_up": (),
    "aircall_exporter_build_info": ("version", "python"),
    "aircall_exporter_users_over_limit": (),
    "aircall_dataset_age_seconds": ("dataset",),
    "aircall_poll_interval_seconds": ("dataset",),
    "aircall_poll_target_interval_seconds": ("dataset",),
    "aircall_archive_backfill_remaining_seconds": (),
    "aircall_archive_pending_calls": (),
    "aircall_malformed_objects_total": ("kind",),
}
OF_PROMETHEUS_CLIENT = {
    "aircall_polls_total": ("dataset", "result"),
    "aircall_api_requests_total": ("endpoint", "code"),
    "aircall_api_request_duration_seconds": ("endpoint",),
    "aircall_api_throttled_total": (),
    "aircall_api_unknown_fields_total": ("list", "field"),
    "aircall_grafana_live_pushes_total": ("result",),
    "aircall_webhook_events_total": ("event", "result"),
    "aircall_webhook_pending_events": (),
}


def test_families_of_all_sections_have_their_public_names_and_labels() -> None:
    exposed = {family.name: family.labels for family in FAMILIES}
    assert {name: exposed.get(name) for name in LABELS} == LABELS


@pytest.mark.parametrize(("name", "labels"), OF_PROMETHEUS_CLIENT.items())
def test_metrics_of_prometheus_client_are_documented_with_their_labels(
    name: str, labels: tuple[str, ...]
) -> None:
    row = next(line for line in metrics_page().splitlines() if line.startswith(f"| `{name}` |"))
    assert ", ".join(f"`{label}`" for label in labels) in row


def test_family_names_of_openmetrics_are_unique() -> None:
    names = [family.name.removesuffix("_total") for family in FAMILIES]
    assert len(names) == len(set(names))


def test_settings_of_thresholds_by_default_have_their_public_names() -> None:
    assert Thresholds().missed_rate == 0.0
    assert ServiceLevel().target == 0.8
