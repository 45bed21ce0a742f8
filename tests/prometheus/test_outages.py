"""Notifications about outages: one that fires and one that is resolved for each, none about effects."""

import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.support.replay import Replay, Script, replaying

OUTAGES = ((30, 210), (450, 630))
"""When each outage begins and ends, in seconds of the replay: three minutes each, and four between them."""

END = 850

USER = 'user_id="1",user="Ada",team_id="10",team="Sales"'
NUMBER = 'number_id="7",number="Sales"'


def since_outage(now: float) -> float:
    """Return for how many seconds the current outage lasts, or 0."""
    return next((now - begin for begin, end in OUTAGES if begin <= now < end), 0.0)


def exposed(interval: float, age: float, lasting: float, live: bool, *, up: int, rejected: int) -> str:
    """Return the metrics of an exporter.

    In an outage a caller waits, and a user is in a call. Both exceed their thresholds before the data is old.

    Args:
        interval: The poll interval in seconds. The threshold of a wait is as long.
        age: The age of calls and availabilities in seconds.
        lasting: For how many seconds the outage lasts, or 0.
        live: Whether the job `aircall-live` asks, or the other.
        up: The value of `aircall_up`.
        rejected: The value of `aircall_api_credential_rejected`.
    """
    if live:
        return (
            f"aircall_queue_longest_wait_seconds{{{NUMBER}}} {lasting and lasting + 5}\n"
            f'aircall_user_threshold_exceeded{{{USER},kpi="in_call"}} {int(lasting > interval / 2)}\n'
            f"aircall_user_availability_changed_timestamp_seconds{{{USER}}} {time.time() - 600}\n"
        )
    return (
        f"aircall_up {up}\n"
        f"aircall_api_credential_rejected {rejected}\n"
        f'aircall_number_queue_wait_threshold_seconds{{{NUMBER},level="warning"}} {interval}\n'
        f"aircall_user_team_info{{{USER}}} 1\n"
    ) + "".join(
        f'aircall_dataset_age_seconds{{dataset="{dataset}"}} {age}\n'
        f'aircall_poll_interval_seconds{{dataset="{dataset}"}} {interval}\n'
        f'aircall_polls_total{{dataset="{dataset}",result="error"}} {0 if up else lasting // 10}\n'
        for dataset in ("calls", "availabilities")
    )


def unreachable(interval: float, *, rejects: bool = False) -> Script:
    """Return the script of an exporter that cannot poll Aircall in outages, or whose key is rejected then."""

    def script(now: float, live: bool) -> str:
        lasting = since_outage(now)
        up = int(lasting < interval)
        age = lasting or now % interval
        return exposed(interval, age, lasting, live, up=up, rejected=int(rejects and not up))

    return script


def down(now: float, live: bool) -> str | None:
    """Return the metrics of an exporter that is down in outages."""
    return None if since_outage(now) else exposed(10, 5, 0, live, up=1, rejected=0)


def current(now: float, live: bool) -> str:
    """Return the metrics of an exporter without outages, with the same waiting caller and user in a call."""
    return exposed(10, 5, since_outage(now), live, up=1, rejected=0)


@pytest.fixture(scope="module")
def replay() -> Iterator[Replay]:
    scripts = {
        "unreachable": unreachable(10),
        "large": unreachable(30),
        "rejected": unreachable(10, rejects=True),
        "down": down,
        "current": current,
    }
    with replaying(scripts) as replay:
        replay.until(END)
        yield replay


@pytest.mark.parametrize(
    ("instance", "cause"),
    [
        ("unreachable", "AircallUnreachable"),
        ("large", "AircallUnreachable"),
        ("rejected", "AircallCredentialRejected"),
        ("down", "AircallExporterDown"),
    ],
)
def test_outage_causes_one_firing_and_one_resolved_notification(
    replay: Replay, instance: str, cause: str
) -> None:
    assert replay.counts(instance, "on-call") == Counter({(cause, "firing"): 2, (cause, "resolved"): 2})


def test_no_notification_fires_while_everything_works(replay: Replay) -> None:
    assert [str(each) for each in replay.notifications if each.fires and not since_outage(each.at)] == []


def test_supervisors_get_no_alert_from_data_that_is_a_minute_old(replay: Replay) -> None:
    sent = [each for each in replay.notifications if each.receiver == "supervisors" and each.fires]
    assert [str(each) for each in sent if each.instance != "current" and since_outage(each.at) >= 60] == []


def test_supervisors_get_the_same_alerts_from_current_data(replay: Replay) -> None:
    alerts = "AircallCallerWaitingTooLong", "AircallUserStateTooLong"
    expected = {(alert, status): 2 for alert in alerts for status in ("firing", "resolved")}
    assert replay.counts("current", "supervisors") == Counter(expected)
