"""Build the dashboard of teams and users over time, for team leads."""

from grafana_foundation_sdk.builders.dashboard import CustomVariable
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Dashboard, Panel, VariableOption

from exporter.report import staffing
from grafana.boards.board import Page, history
from grafana.boards.charts import MAX_NAMES, Foremost, bars, by_name, calls_behind, lines, timeline
from grafana.boards.counted import average, in_each, in_range
from grafana.boards.limits import SLA, service_level
from grafana.boards.palette import (
    ATTEMPTS,
    BAND_STATES,
    GREEN,
    GREY,
    NEUTRAL,
    REASONS_AWAY,
    RED,
    STATES,
    StateStyle,
    nothing,
    state_codes,
)
from grafana.boards.panels import Frame, now, over_time
from grafana.boards.promql import DISPLAY, EXPORTER, RECENT, TEAM
from grafana.boards.tables import columns, units

PAGE = Page(
    "aircall-teams",
    "Aircall · Teams and users",
    "Calls, time to answer, states and occupancy of teams and users over any time",
)

QUIET = "No calls in this time range"
MEMBERS = f"aircall_user_team_info{{{TEAM}}}"
HANDLING = "|".join(staffing.HANDLING)

SIGNED_IN = "available|in_call|after_call_work|do_not_disturb"
CALLS = (
    StateStyle("inbound answered", GREEN, "inbound answered"),
    StateStyle("inbound missed", RED, "inbound missed"),
    StateStyle("outbound answered", NEUTRAL, "outbound answered"),
    StateStyle("outbound unanswered", GREY, "outbound, not answered"),
)


def _total(counter: str, labels: str = "") -> Dataquery:
    """Return the increase of each user's counter over the time range."""
    return now(f"sum by (user_id) ({in_range(f'{counter}{{{EXPORTER}{labels}}}')})")


def _seconds(states: str) -> str:
    """Return the seconds of each user in the states, over the time range."""
    spent = f'aircall_user_availability_seconds_total{{{TEAM}, state=~"{states}"}}'
    return f"sum by (user_id) (max by (user_id, state) (increase({spent}[$__range])))"


def _calls() -> Builder[Panel]:
    taken = in_each(f'aircall_calls_total{{{EXPORTER}, user_id!=""}}')
    missed = f"aircall_missed_calls_total{{{EXPORTER}}}"
    # 0 if the counter was reset. The query for its increase then would be too long.
    grown = f"clamp_min({missed} - {missed} offset $__interval, 0)"
    numbers = f"(aircall_user_number_info{{{EXPORTER}}} and on (user_id) {MEMBERS})"
    return bars(
        Frame(
            title="Calls over time",
            description="Calls of the users of the chosen teams, counted when they ended: inbound answered "
            "and missed, outbound answered and not. Missed calls are those on the numbers that these users "
            "are assigned to. Each call counts once, in however many teams.",
            unit="short",
            empty=QUIET,
            width=12,
            height=8,
        ),
        CALLS,
        over_time(
            f"sum by (direction, outcome) ({taken} and on (user_id) {MEMBERS}) > 0",
            "{{direction}} {{outcome}}",
        ),
        over_time(f"sum({grown} and on (number_id) {numbers}) > 0", "inbound missed"),
    ).links([calls_behind()])


def _compared() -> Builder[Panel]:
    calls = f"aircall_team_calls_total{{{TEAM}}}"
    earlier = in_each(calls, "1h", since="offset ${compare}1h", until="offset $compare")
    return lines(
        Frame(
            title="Calls in the last hour, and $compare earlier",
            description="All calls of the chosen teams per hour, as a line, and the same hours $compare "
            "earlier, dashed. Choose how much earlier at the top. Without data that old there "
            "is no dashed line.",
            unit="short",
            empty=QUIET,
            width=12,
            height=8,
        ),
        over_time(f"sum by (team) ({in_each(calls, '1h')})", "{{team}}"),
        over_time(f"sum by (team) ({earlier})", "{{team}} $compare earlier"),
    )


def _answer() -> Builder[Panel]:
    return lines(
        Frame(
            title="Time to answer by team",
            description="Average time until an inbound call was answered, over the activity period before "
            "each point. Good: below the dashed SLA limit, which is only there where `sla` is "
            "set.",
            unit="s",
            empty="No call was answered in this time range",
            width=8,
            height=8,
        ),
        over_time(f"max by (team) (aircall_team_average_answer_seconds{{{TEAM}, {RECENT}}})", "{{team}}"),
        over_time(SLA, "SLA limit"),
    )


def _kept() -> Builder[Panel]:
    return lines(
        Frame(
            title="Users within the SLA",
            description="Share of the team's users whose average time to answer was within `sla`. Good: 100 "
            "%. Only where `sla` is set.",
            unit="percentunit",
            empty="No SLA is set, or no data",
            width=8,
            height=8,
        ),
        over_time(f"1 - avg by (team) (aircall_user_sla_breached{{{TEAM}, {RECENT}}})", "{{team}}"),
    )


def _states() -> Builder[Panel]:
    state = f"max by (user_id) (aircall_user_availability_code{{{TEAM}}})"
    return timeline(
        Frame(
            title="States of users",
            description="The state of each user at each time. Wrap-up: after-call work. DND: do not "
            "disturb. Point at a band for its beginning and end.",
            unit="short",
            empty="No users in this time range",
            width=24,
            height=18,
        ),
        over_time(f"{state} * {DISPLAY}", "{{display_name}}"),
    ).mappings([state_codes(BAND_STATES), nothing("", "transparent")])  # or gaps would be in the legend


def _spent() -> Builder[Panel]:
    family = f'aircall_user_availability_seconds_total{{{TEAM}, state!="unknown"}}'
    spent = f"max by (user_id, state) (increase({family}[$__range])) / 3600"
    return by_name(
        Frame(
            title="Time in each state",
            description="How the time range was spent by each user, as far as the exporter watched; of many "
            f"users the {MAX_NAMES} who were not offline for longest. The table has all.",
            unit="suffix:h",
            empty="No users, or no data at the end of the time range",
            width=12,
            height=16,
        ),
        STATES,
        now(f"{spent} * {DISPLAY}"),
        "display_name",
        "state",
        Foremost(MAX_NAMES, tuple(SIGNED_IN.split("|"))),
    )


def _away() -> Builder[Panel]:
    spent = f"increase(aircall_user_substatus_seconds_total{{{TEAM}}}[$__range])"
    return by_name(
        Frame(
            title="Do not disturb by reason",
            description="Time that the users of each team spent on do not disturb, by reason, as far as the "
            "exporter watched. Unknown: Aircall sent no reason. A user of two teams is in both bars.",
            unit="suffix:h",
            empty="No user was on do not disturb in this time range",
            width=24,
            height=8,
        ),
        REASONS_AWAY,
        now(f"sum by (team, substatus) ({spent}) / 3600 > 0"),
        "team",
        "substatus",
        Foremost(MAX_NAMES, tuple(style.code for style in REASONS_AWAY)),
    ).links([])  # no calls are behind it


def _by_user() -> Builder[Panel]:
    counted = in_range(f'aircall_calls_total{{{EXPORTER}, user_id!=""}}')
    by_kind = f'label_join({counted} and on (user_id) {MEMBERS}, "call", " ", "direction", "outcome")'
    shown = CALLS[0], *CALLS[2:]
    return by_name(
        Frame(
            title="Calls of each user",
            description="Calls that ended in the time range: inbound that the user answered, outbound "
            "answered and not. Missed calls have no user in Aircall. Of many users the "
            f"{MAX_NAMES} with most calls; the table has all.",
            unit="short",
            empty="No calls, or no data at the end of the time range",
            width=12,
            height=16,
        ),
        shown,
        now(f"sum by (user_id, call) ({by_kind}) * {DISPLAY} > 0"),
        "display_name",
        "call",
        Foremost(MAX_NAMES, tuple(style.code for style in shown)),
    )


def _ring_attempts() -> Builder[Panel]:
    rang = in_range(f"aircall_user_ring_attempts_total{{{EXPORTER}}}")
    return by_name(
        Frame(
            title="Ring attempts",
            description="How often a call rang on each user's phone, and whether the user answered, "
            "declined or missed it, as Aircall's events report. Missed calls elsewhere are inferred: a call "
            "counts for all users of its number, even if it did not ring on them. Here another user may have "
            f"answered the call. Of many users the {MAX_NAMES} with most attempts.",
            unit="short",
            empty="No call rang on these users in this time range, or there is no webhook",
            width=24,
            height=16,
        ),
        ATTEMPTS,
        now(f"sum by (user_id, result) ({rang} and on (user_id) {MEMBERS}) * {DISPLAY} > 0"),
        "display_name",
        "result",
        Foremost(MAX_NAMES, tuple(style.code for style in ATTEMPTS)),
    )


def _users() -> Builder[Panel]:
    shown, member = f"aircall_user_display_info{{{EXPORTER}}}", "and on (user_id)"
    names = f"{shown} {member} {MEMBERS}"
    earlier = f"last_over_time({shown}[$__range]) {member} last_over_time({MEMBERS}[$__range])"
    users = columns(
        Frame(
            title="Users in this time range",
            description="Answered: inbound calls answered. Time to answer and call length: averages. "
            "Talking: time in calls. Occupancy: time in calls and after-call work, as a share of "
            "this and the available time; 60 to 85 % is usual, far more exhausts people.",
            unit="locale",
            empty="No users in this time range",
            width=24,
            height=14,
        ),
        "display_name",
        "user_id",
        {
            "User": now(f"max by (user_id, display_name) ({names} or on () {earlier})"),
            "Answered": _total("aircall_user_answer_seconds_count"),
            "Outbound": _total("aircall_calls_total", ', direction="outbound"'),
            "Time to answer": now(average("aircall_user_answer_seconds", EXPORTER, "user_id")),
            "Call length": now(average("aircall_user_talk_seconds", EXPORTER, "user_id")),
            "Talking": _total("aircall_user_talk_seconds_sum"),
            "Not offline": now(_seconds(SIGNED_IN)),
            "Occupancy": now(f"{_seconds(HANDLING)} / ({_seconds(f'available|{HANDLING}')} > 0)"),
        },
    )
    return units(
        users,
        Time_to_answer="s",
        Call_length="dthms",
        Talking="dthms",
        Not_offline="dthms",
        Occupancy="percentunit",
    )


def board() -> Dashboard:
    """Build the dashboard."""
    compare = (
        CustomVariable("compare")
        .label("Compare with")
        .values("1d,7d,28d")
        .current(VariableOption(selected=True, text="7d", value="7d"))
    )
    return (
        history(PAGE, "now-24h", "calls")
        .with_variable(compare)
        .with_panel(_calls())
        .with_panel(_compared())
        .with_panel(_answer())
        .with_panel(_kept())
        .with_panel(service_level("team", TEAM, height=8))
        .with_panel(_users())
        .with_panel(_states())
        .with_panel(_spent())
        .with_panel(_by_user())
        .with_panel(_away())
        .with_panel(_ring_attempts())
        .build()
    )
