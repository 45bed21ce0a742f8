"""Families of the settings in force and of the exporter itself."""

import platform
from collections.abc import Iterator

from exporter.account.board import Board
from exporter.metrics.family import Family, Sample
from exporter.polling.status import Status
from exporter.version import VERSION

ACTIVITY_PERIOD = Family(
    "aircall_activity_period_seconds",
    "gauge",
    'Length of the activity period, which families with period="recent" cover.',
    group="settings",
)
TODAY_START = Family(
    "aircall_today_start_timestamp_seconds",
    "gauge",
    'UNIX time at which the day began that families with period="today" cover. Like them, it is absent while'
    " calls of the day are missing, such as until the archive is open.",
    group="settings",
)
SLA = Family(
    "aircall_sla_seconds",
    "gauge",
    "Longest acceptable average time to answer; 0 if the SLA is off.",
    group="settings",
)
QUEUE_WAIT = Family(
    "aircall_queue_wait_threshold_seconds",
    "gauge",
    "Wait from which a caller is shown in yellow (warning) or red (critical).",
    ("level",),
    group="settings",
)
THRESHOLD_SECONDS = Family(
    "aircall_threshold_seconds",
    "gauge",
    "A configured threshold in seconds; 0 if it is off. kpi is average_call, in_call, after_call_work,"
    " do_not_disturb or call_back.",
    ("kpi",),
    group="settings",
)
THRESHOLD_RATIO = Family(
    "aircall_threshold_ratio",
    "gauge",
    "A configured threshold as a ratio; 0 if it is off. kpi is missed_rate, abandoned_rate or service_level.",
    ("kpi",),
    group="settings",
)
UP = Family(
    "aircall_up",
    "gauge",
    "1 if the last polls of calls and of availabilities both succeeded, and neither is older than three of"
    " its current intervals plus 10 seconds; else 0.",
    group="exporter",
)
BUILD = Family(
    "aircall_exporter_build_info",
    "gauge",
    "The exporter's version; the value is 1.",
    ("version", "python"),
    group="exporter",
)
AGE = Family(
    "aircall_dataset_age_seconds", "gauge", "Age of the data that is served.", ("dataset",), group="exporter"
)
INTERVAL = Family(
    "aircall_poll_interval_seconds",
    "gauge",
    "Current interval between two polls of the dataset, as the budget allows.",
    ("dataset",),
    group="exporter",
)
TARGET_INTERVAL = Family(
    "aircall_poll_target_interval_seconds",
    "gauge",
    "Interval between two polls of the dataset if the budget suffices.",
    ("dataset",),
    group="exporter",
)
LIMIT = Family(
    "aircall_api_limit_requests_per_minute",
    "gauge",
    "The company's rate limit: the lower of Aircall's report and the configuration, or 60 without either.",
    group="exporter",
)
BUDGET = Family(
    "aircall_api_budget_requests_per_minute",
    "gauge",
    "The exporter's share of the company's rate limit.",
    group="exporter",
)
REMAINING = Family(
    "aircall_api_remaining_requests",
    "gauge",
    "Requests left to the company in this minute, as Aircall last reported; absent before its first report.",
    group="exporter",
)
REJECTED = Family(
    "aircall_api_credential_rejected",
    "gauge",
    "1 while Aircall rejects the API ID or token, else 0.",
    group="exporter",
)
MALFORMED = Family(
    "aircall_malformed_objects_total",
    "counter",
    "Objects in Aircall's responses that could not be decoded and were skipped, and calls with an impossible"
    " time, which count without it.",
    ("kind",),
    group="exporter",
)
IGNORED_CALLS = Family(
    "aircall_calls_ignored_total",
    "counter",
    "Calls that no other family includes, each counted once. reason is direction for a call that is neither"
    " inbound nor outbound, such as an internal one.",
    ("reason",),
    group="exporter",
)
SET_ASIDE = Family(
    "aircall_exporter_objects_set_aside",
    "gauge",
    "Calls, numbers, users and time ranges whose requests fail repeatedly although lists can be fetched."
    " Their last known data stays. They are requested again after a minute, then ever more rarely, but at"
    " least once an hour.",
    ("kind",),
    group="exporter",
)
DOUBTFUL = Family(
    "aircall_exporter_doubtful_calls",
    "gauge",
    "Active calls that have probably ended although Aircall does not report it. They are fetched rarely."
    " board is shown for calls that are still shown: callers who have waited for over 10 minutes, calls"
    " whose user left them over a minute ago, and calls that are set aside. board is dropped for calls that"
    " are no longer shown, because they have rung for 2 hours or lasted for 12.",
    ("board",),
    group="exporter",
)
LIMIT_EXCEEDED = Family(
    "aircall_exporter_limit_exceeded_total",
    "counter",
    "Data in Aircall's responses that exceeded a limit of the exporter and was cut or left out. 0 for any"
    " real account. SECURITY.md lists the limits.",
    ("limit",),
    group="exporter",
)
LEFT_OUT = Family(
    "aircall_exporter_users_over_limit",
    "gauge",
    "Users without series of their own, because there are more users than user_limit. Sums include them.",
    group="exporter",
)

SETTINGS = (ACTIVITY_PERIOD, TODAY_START, SLA, QUEUE_WAIT, THRESHOLD_SECONDS, THRESHOLD_RATIO)
HEALTH = (
    UP,
    BUILD,
    AGE,
    INTERVAL,
    TARGET_INTERVAL,
    LIMIT,
    BUDGET,
    REMAINING,
    REJECTED,
    MALFORMED,
    IGNORED_CALLS,
    SET_ASIDE,
    DOUBTFUL,
    LIMIT_EXCEEDED,
    LEFT_OUT,
)
FAMILIES = (*SETTINGS, *HEALTH)


def settings_samples(board: Board) -> Iterator[Sample]:
    """Yield the settings in force.

    aircall_activity_period_seconds 900
    aircall_today_start_timestamp_seconds 1.6190424e+09
    aircall_sla_seconds 0
    aircall_queue_wait_threshold_seconds{level="critical"} 20
    aircall_threshold_seconds{kpi="average_call"} 300
    aircall_threshold_ratio{kpi="service_level"} 0.8
    """
    settings = board.settings
    yield ACTIVITY_PERIOD, (), settings.activity_period
    yield TODAY_START, (), board.today_start if "calls" in board.known else None
    yield SLA, (), settings.sla
    yield QUEUE_WAIT, ("warning",), settings.queue_wait.warning
    yield QUEUE_WAIT, ("critical",), settings.queue_wait.critical
    for kpi in ("average_call", "in_call", "after_call_work", "do_not_disturb", "call_back"):
        yield THRESHOLD_SECONDS, (kpi,), getattr(settings.thresholds, kpi)
    yield THRESHOLD_RATIO, ("missed_rate",), settings.thresholds.missed_rate
    yield THRESHOLD_RATIO, ("abandoned_rate",), settings.thresholds.abandoned_rate
    yield THRESHOLD_RATIO, ("service_level",), settings.service_level.target


def status_samples(status: Status, now: float) -> Iterator[Sample]:
    """Yield the exporter's health. `now` is in seconds of our clock.

    aircall_up 1
    aircall_exporter_build_info{version="1.0.0",python="3.13.0"} 1
    aircall_dataset_age_seconds{dataset="calls"} 4.2
    aircall_poll_interval_seconds{dataset="calls"} 5
    aircall_poll_target_interval_seconds{dataset="calls"} 5
    aircall_api_limit_requests_per_minute 60
    aircall_api_budget_requests_per_minute 48
    aircall_api_remaining_requests 37
    aircall_api_credential_rejected 0
    aircall_exporter_objects_set_aside{kind="call"} 0
    aircall_exporter_doubtful_calls{board="shown"} 0
    """
    yield UP, (), status.is_up(now)
    yield BUILD, (VERSION, platform.python_version()), 1
    for name, polling in status.datasets.items():
        yield AGE, (name,), polling.age(now)
        yield INTERVAL, (name,), polling.interval
        yield TARGET_INTERVAL, (name,), polling.target
    yield LIMIT, (), status.limit
    yield BUDGET, (), status.budget
    yield REMAINING, (), status.remaining
    yield REJECTED, (), status.credential_rejected
    for kind, count in status.set_aside.items():
        yield SET_ASIDE, (kind,), count
    for shown, count in status.doubtful.items():
        yield DOUBTFUL, ("shown" if shown else "dropped",), count


def omission_samples(board: Board) -> Iterator[Sample]:
    """Yield how much was skipped, malformed or beyond a limit.

    aircall_malformed_objects_total{kind="call"} 0
    aircall_calls_ignored_total{reason="direction"} 0
    aircall_exporter_limit_exceeded_total{limit="missed_call_reasons"} 0
    aircall_exporter_users_over_limit 0
    """
    for kind, count in board.malformed.items():
        yield MALFORMED, (kind,), count
    yield IGNORED_CALLS, ("direction",), board.ignored_calls
    for limit, times in board.limits.items():
        yield LIMIT_EXCEEDED, (limit,), times
    yield LEFT_OUT, (), board.dropped_users
