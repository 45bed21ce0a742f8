"""The settings in force, and the exporter itself."""

import platform
from collections.abc import Iterator

from exporter import __version__
from exporter.account.board import Board
from exporter.config import Settings
from exporter.metrics.family import Family, Sample
from exporter.status import Status

ACTIVITY_PERIOD = Family("aircall_activity_period_seconds", "gauge", "How far back calls are summed up.")
SLA = Family("aircall_sla_seconds", "gauge", "Average time to answer that nobody may exceed; 0 is off.")
QUEUE_WAIT = Family(
    "aircall_queue_wait_threshold_seconds",
    "gauge",
    "Wait of a caller beyond which the queue is yellow (warning) and red (critical).",
    ("level",),
)
THRESHOLD_SECONDS = Family(
    "aircall_threshold_seconds",
    "gauge",
    "A threshold of the configuration, in seconds; 0 is off. kpi is average_call, in_call, after_call_work or"
    " do_not_disturb.",
    ("kpi",),
)
THRESHOLD_RATIO = Family(
    "aircall_threshold_ratio",
    "gauge",
    "A threshold of the configuration, as a share; 0 is off. kpi is missed_rate or service_level.",
    ("kpi",),
)
UP = Family(
    "aircall_up",
    "gauge",
    "1 if the last poll of calls and of availabilities both worked, and neither is older than three intervals"
    " in force and 10 seconds; else 0.",
)
BUILD = Family(
    "aircall_exporter_build_info", "gauge", "The exporter's version; the value is 1.", ("version", "python")
)
AGE = Family("aircall_dataset_age_seconds", "gauge", "How old the data is that is served now.", ("dataset",))
INTERVAL = Family(
    "aircall_poll_interval_seconds",
    "gauge",
    "How often the dataset is read, as far as the budget allows.",
    ("dataset",),
)
TARGET_INTERVAL = Family(
    "aircall_poll_target_interval_seconds", "gauge", "How often the dataset should be read.", ("dataset",)
)
LIMIT = Family(
    "aircall_api_limit_requests_per_minute", "gauge", "The company's rate limit, as far as it is known."
)
BUDGET = Family("aircall_api_budget_requests_per_minute", "gauge", "The exporter's own part of the limit.")
REMAINING = Family(
    "aircall_api_remaining_requests",
    "gauge",
    "Requests left to the company in this minute, as Aircall said last; absent until it did.",
)
REJECTED = Family(
    "aircall_api_credential_rejected", "gauge", "1 while Aircall rejects the API ID or token, else 0."
)
MALFORMED = Family(
    "aircall_malformed_objects_total",
    "counter",
    "Objects in Aircall's answers that could not be read and were left out.",
    ("kind",),
)
IGNORED_CALLS = Family(
    "aircall_calls_ignored_total",
    "counter",
    "Calls that are counted and shown nowhere else, each once. reason is direction: neither inbound nor"
    " outbound, such as internal.",
    ("reason",),
)
SET_ASIDE = Family(
    "aircall_exporter_objects_set_aside",
    "gauge",
    "Calls, numbers, users and ranges (stretches of time whose calls are to be listed) whose requests fail"
    " again and again while Aircall's lists can be read. What was known of them stays. They are asked for"
    " again after a minute, then ever more rarely, at least once an hour.",
    ("kind",),
)
DOUBTFUL = Family(
    "aircall_exporter_doubtful_calls",
    "gauge",
    "Calls in progress that may be over although Aircall does not end them, and that are looked at rarely."
    " board is shown for callers who have waited for more than 10 minutes, calls that go on for more than a"
    " minute after their user was seen out of them, and calls that are set aside; dropped for calls that are"
    " not shown any more, because they have rung for 2 hours or gone on for 12.",
    ("board",),
)
LIMIT_EXCEEDED = Family(
    "aircall_exporter_limit_exceeded_total",
    "counter",
    "How often something in Aircall's answers was beyond a limit of what is kept, and was cut or left out. 0"
    " for any real account. The limits are in SECURITY.md.",
    ("limit",),
)
LEFT_OUT = Family(
    "aircall_exporter_users_over_limit",
    "gauge",
    "Users without series of their own, because there are more than user_limit; sums count them.",
)

FAMILIES = (
    ACTIVITY_PERIOD,
    SLA,
    QUEUE_WAIT,
    THRESHOLD_SECONDS,
    THRESHOLD_RATIO,
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


def settings_samples(settings: Settings) -> Iterator[Sample]:
    """Expose the settings in force:

    aircall_activity_period_seconds 900
    aircall_sla_seconds 0
    aircall_queue_wait_threshold_seconds{level="critical"} 20
    aircall_threshold_seconds{kpi="average_call"} 300
    aircall_threshold_ratio{kpi="service_level"} 0.8
    """
    yield ACTIVITY_PERIOD, (), settings.activity_period
    yield SLA, (), settings.sla
    yield QUEUE_WAIT, ("warning",), settings.queue_wait.warning
    yield QUEUE_WAIT, ("critical",), settings.queue_wait.critical
    for kpi in ("average_call", "in_call", "after_call_work", "do_not_disturb"):
        yield THRESHOLD_SECONDS, (kpi,), getattr(settings.thresholds, kpi)
    yield THRESHOLD_RATIO, ("missed_rate",), settings.thresholds.missed_rate
    yield THRESHOLD_RATIO, ("service_level",), settings.service_level.target


def status_samples(status: Status, now: float) -> Iterator[Sample]:
    """Expose how the exporter is doing; `now` is in seconds of our clock:

    aircall_up 1
    aircall_exporter_build_info{version="1.0.0",python="3.13.0"} 1
    aircall_dataset_age_seconds{dataset="calls"} 4.2
    aircall_poll_interval_seconds{dataset="calls"} 10
    aircall_poll_target_interval_seconds{dataset="calls"} 10
    aircall_api_limit_requests_per_minute 60
    aircall_api_budget_requests_per_minute 48
    aircall_api_remaining_requests 37
    aircall_api_credential_rejected 0
    aircall_exporter_objects_set_aside{kind="call"} 0
    aircall_exporter_doubtful_calls{board="shown"} 0
    """
    yield UP, (), status.is_up(now)
    yield BUILD, (__version__, platform.python_version()), 1
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
    """Expose what is left out, unreadable or too much:

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
