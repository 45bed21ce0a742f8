"""Build the wallboard: the queue, and the users of each team, for a TV."""

from functools import partial

from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.boards import wallboard_rows, wallboard_tiles
from grafana.boards.board import Page, live
from grafana.boards.promql import DISPLAY, IS_AVAILABLE, IS_AWAY, RECENT, TEAM, by_row
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
    "aircall-wallboard",
    "Aircall · Wallboard",
    "Who waits, who is there, and how the last minutes went, team by team",
)


COUNT = (
    f"(count(aircall_user_team_info{{{TEAM}}}) + count(count by (team_id) (aircall_team_users{{{TEAM}}})))"
)
SINCE = f"time() - aircall_user_availability_changed_timestamp_seconds{{{TEAM}}}"


_by_row = partial(by_row, "team_id")


def _calls(labels: str) -> str:
    chosen = f"{{{TEAM}, {RECENT}, {labels}}}"
    calls = f"aircall_user_period_calls{chosen} or aircall_team_period_calls{chosen}"
    return _by_row(calls, total="sum")


def _queries() -> dict[str, str]:
    substatus = f'aircall_user_substatus{{{TEAM}, substatus!~"always_.*"}}'
    teams = f"{GROUP_CODE} * group by (team_id, team) (aircall_team_users{{{TEAM}}})"
    average = f"average_answer_seconds{{{TEAM}, {RECENT}}}"
    breached = f"sla_breached{{{TEAM}, {RECENT}}}"
    return {
        "users": _by_row(f"aircall_user_team_info{{{TEAM}}} * {DISPLAY}", "team", "display_name", "user_id"),
        "groups": _by_row(
            f'label_replace({teams}, "display_name", "$1", "team", "(.*)")', "team", "display_name"
        ),
        "state": _by_row(f"aircall_user_availability_code{{{TEAM}}}"),
        "reason": _by_row(f"{substatus} {IS_AWAY}", "substatus"),
        "since": _by_row(f"floor(({SINCE}) / 60)"),
        "sla": _by_row(f"2 * (aircall_user_{breached} or aircall_team_{breached})"),
        "limits": _by_row(f"max by (team_id, user_id) (aircall_user_threshold_exceeded{{{TEAM}}})"),
        "pick_up": _by_row(f"3 * (aircall_user_waiting_calls{{{TEAM}}} > bool 0) {IS_AVAILABLE}"),
        "inbound": _calls('direction="inbound", outcome="answered"'),
        "outbound": _calls('direction="outbound"'),
        "missed": _calls('direction="inbound", outcome="missed"'),
        "answer": _by_row(f"aircall_user_{average} or aircall_team_{average}"),
    }


ROWS = Rows(
    title="Users by team",
    group="team",
    queries=_queries(),
    fields=(
        user_field(
            "Users by team",
            "each team and its users, with their states. On do not disturb (DND) the reason is shown, such "
            "as Lunch. A click opens the page that makes the user available or unavailable. The panel "
            "has the queries of all rows.",
            6,
        ),
        MINUTES,
        alert_field(
            "‼: the average time to answer is above `sla`. !: a configured threshold is exceeded. "
            "☎: available, and a caller waits on a number that the user answers."
        ),
        INBOUND,
        Field("Value #outbound", "Out", "outbound calls in the activity period."),
        Field(
            "Value #missed",
            "Missed",
            "inbound calls missed in the activity period, on all numbers that the user answers.",
        ),
        ANSWER,
    ),
)


def board() -> Dashboard:
    """Build the dashboard."""
    return live(PAGE, *wallboard_tiles.panels(TEAM, COUNT), *wallboard_rows.panels(ROWS))
