"""The figures of a user, team or number in one period, from the sums over their calls."""

from collections.abc import Iterable

from exporter.account.board import CallCounts, GroupFigures, UserFigures, breaches_sla
from exporter.account.kpi_rules import KpiRules
from exporter.account.missed_calls import missed_on, reasons_on
from exporter.account.period import Period, Tally
from exporter.account.roster import Roster


def user_figures(period: Period, roster: Roster, user_id: int) -> UserFigures:
    """Return the figures of a user on the board."""
    tally = period.users.get(user_id, period.nothing)
    by_user = roster.numbers_by_user
    missed = None if by_user is None else missed_on(period, by_user.get(user_id, ()))
    average = tally.average_answer
    return UserFigures(
        calls=call_counts(tally, missed),
        average_answer=average,
        average_call=tally.average_call,
        sla_breached={
            team.label.id: breaches_sla(average, roster.rules.of_team(team.label.id).sla)
            for team in roster.teams_of_user[user_id]
        },
    )


def group_figures(
    period: Period, tally: Tally, numbers: Iterable[int] | None, rules: KpiRules
) -> GroupFigures:
    """Return the figures of a team or number.

    Args:
        period: The calls of the period.
        tally: The sums over the calls of the team's members, or over those on the number.
        numbers: The numbers whose missed calls are those of the team or number; None if they are unknown.
        rules: The rules of the team or number.
    """
    return GroupFigures(
        calls=call_counts(tally, None if numbers is None else missed_on(period, numbers)),
        missed={} if numbers is None else reasons_on(period, numbers),
        average_answer=tally.average_answer,
        average_call=tally.average_call,
        sla_breached=breaches_sla(tally.average_answer, rules.sla),
        inbound=None if numbers is None else period.inbound(tally, numbers, rules.service),
    )


def call_counts(tally: Tally, missed: int | None) -> CallCounts:
    """Return calls by direction and outcome. Inbound missed calls are `missed`, left out if None.

    Calls that AI voice agents handled are left out if there are none, because most companies have none.
    """
    counts = {
        ("inbound", "answered"): tally.inbound_answered,
        ("outbound", "answered"): tally.outbound_answered,
        ("outbound", "unanswered"): tally.outbound_unanswered,
    }
    if tally.inbound_ai_agent:
        counts["inbound", "ai_agent"] = tally.inbound_ai_agent
    return counts if missed is None else counts | {("inbound", "missed"): missed}
