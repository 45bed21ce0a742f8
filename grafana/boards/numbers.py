"""Build the wallboard by number: the users under the numbers that they answer."""

from functools import partial

from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.boards import wallboard_rows, wallboard_tiles
from grafana.boards.board import Page, live
from grafana.boards.promql import DISPLAY, EXPORTER, IS_AVAILABLE, IS_AWAY, NUMBER, RECENT, by_row
from grafana.boards.wallboard_rows import (
    ANSWER,
    GROUP_CODE,
    INBOUND,
    MINUTES,
    Field,
    Rows,
    alert_field,
    user_field,
)

PAGE = Page(
    "aircall-numbers",
    "Aircall · Wallboard by number",
    "Who waits on which Aircall number, and who is there to answer it",
)

COUNT = (
    f"(count(aircall_user_number_info{{{NUMBER}}} and on (user_id) aircall_user_availability_code > 0)"
    f" + count(aircall_number_info{{{NUMBER}}}))"
)
USERS = f"aircall_user_number_info{{{NUMBER}}}"
SIGNED_IN = f"aircall_user_availability_code{{{EXPORTER}}} > 0"


_by_row = partial(by_row, "number_id")


def _of_users(expr: str, labels: str = "") -> str:
    """Return a figure of users for each number that they answer. `labels` are copied from the figure."""
    return (
        f"{USERS} * on (user_id) group_left ({labels}) max by (user_id{', ' * bool(labels)}{labels}) ({expr})"
    )


def _queries() -> dict[str, str]:
    numbers = f"{GROUP_CODE} * aircall_number_info{{{NUMBER}}}"
    substatus = f'aircall_user_substatus{{{EXPORTER}, substatus!~"always_.*"}}'
    away = f"{substatus} {IS_AWAY}"
    since = f"(time() - aircall_user_availability_changed_timestamp_seconds{{{EXPORTER}}}) / 60"
    inbound = f'{NUMBER}, {RECENT}, direction="inbound"'
    return {
        "users": _by_row(
            f"{USERS} * {DISPLAY} and on (user_id) {SIGNED_IN}", "number", "display_name", "user_id"
        ),
        "groups": _by_row(
            f'label_replace({numbers}, "display_name", "$1", "number", "(.*)")', "number", "display_name"
        ),
        "state": _by_row(_of_users(SIGNED_IN)),
        "reason": _by_row(_of_users(away, "substatus"), "substatus"),
        "since": _by_row(f"floor({_of_users(since)}) and on (user_id) {SIGNED_IN}"),
        "wait": _by_row(f"aircall_queue_longest_wait_seconds{{{NUMBER}}} > 0"),
        "waiting": _by_row(f"aircall_queue_calls{{{NUMBER}}}"),
        "inbound": _by_row(f'aircall_number_period_calls{{{inbound}, outcome="answered"}}'),
        "missed": _by_row(f'aircall_number_period_calls{{{inbound}, outcome="missed"}}'),
        "answer": _by_row(f"aircall_number_average_answer_seconds{{{NUMBER}, {RECENT}}}"),
        "sla": _by_row(f"2 * aircall_number_sla_breached{{{NUMBER}, {RECENT}}}"),
        "limits": _by_row(f"max by (number_id) (aircall_number_threshold_exceeded{{{NUMBER}}})"),
        "pick_up": _by_row(
            f"3 * (aircall_queue_calls{{{NUMBER}}} > bool 0) * on (number_id) group_right () {USERS}"
            f" {IS_AVAILABLE}"
        ),
    }


ROWS = Rows(
    title="Users by number",
    group="number",
    queries=_queries(),
    fields=(
        user_field(
            "Users by number",
            "each number and the users who answer it and are signed in, with their states. A click opens the "
            "page that makes the user available or unavailable. This panel has the queries of all rows.",
            5,
        ),
        MINUTES,
        alert_field(
            "‼: the number's average time to answer is above `sla`. !: a configured threshold is exceeded. "
            "☎: available, and a caller waits on this number."
        ),
        Field("Value #waiting", "Queue", "the callers who are waiting."),
        Field("Value #wait", "Wait", "the longest wait, in seconds."),
        INBOUND,
        Field("Value #missed", "Missed", "inbound calls missed in the activity period."),
        ANSWER,
    ),
)


def board() -> Dashboard:
    """Build the dashboard."""
    return live(PAGE, *wallboard_tiles.panels(EXPORTER, COUNT), *wallboard_rows.panels(ROWS))
