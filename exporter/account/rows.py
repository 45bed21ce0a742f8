"""The rows of the board, from the account's parts."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from exporter.account.board import (
    CallCounts,
    CounterValues,
    CurrentCall,
    NumberRow,
    TeamRow,
    UserRow,
    WaitingCall,
    exceeds,
    shown_caller,
)
from exporter.account.calls import current_calls
from exporter.account.directory import SINGLE_USERS, Directory, Named
from exporter.account.period import Period, Tally
from exporter.account.presence import STATES, Presence, State
from exporter.account.teams import GROUP_PREFIX, Team, group_label, numbers_of
from exporter.account.totals import TALK_BOUNDS, Spread, Sum, Totals
from exporter.aircall.objects import Call, Number, User
from exporter.config import Caller, Settings

MISSED_REASONS = (
    "out_of_opening_hours",
    "short_abandoned",
    "abandoned_in_ivr",
    "abandoned_in_classic",
    "no_available_agent",
    "agents_did_not_answer",
)
"""Why a call was missed, as far as the API reference lists it; others are served as they come."""

NOBODY = Tally()


@dataclass(frozen=True)
class Facts:
    """What the rows are made of."""

    settings: Settings
    directory: Directory
    presence: Mapping[int, Presence]
    period: Period
    live: list[Call]

    @cached_property
    def assigned(self) -> Mapping[int, frozenset[int]] | None:
        """Number → those of its users who are still there, none where that is unknown or not wanted."""
        if self.directory.assigned is None or not self.settings.map_users_to_numbers:
            return None
        there = self.directory.users.keys() | self.presence.keys()
        return {number_id: users & there for number_id, users in self.directory.assigned.items()}

    @cached_property
    def waiting(self) -> Mapping[int, int]:
        """How many callers wait, by number."""
        return Counter(call.number.id for call in self.live if call.waiting and call.number)

    def waiting_on(self, number_ids: Iterable[int] | None) -> int | None:
        return None if number_ids is None else sum(self.waiting.get(number, 0) for number in number_ids)

    def missed_on(self, number_ids: Iterable[int] | None) -> int | None:
        """Missed calls inferred from numbers, none where those are unknown.

        Tutorial, "User Activity Summary": a missed call counts for every user assigned to its number.
        """
        if number_ids is None:
            return None
        tallies = self.period.numbers
        return sum(tallies[number].inbound_missed for number in number_ids if number in tallies)

    def reasons_on(self, number_ids: Iterable[int]) -> dict[str, int]:
        """Missed calls on these numbers by reason, with a 0 for each that Aircall's reference lists."""
        reasons = Counter(dict.fromkeys(MISSED_REASONS, 0))
        for number_id in number_ids:
            reasons.update(self.period.reasons.get(number_id, {}))
        return reasons

    def states(self, user_ids: Iterable[int]) -> dict[State, int]:
        """How many of these users are in each state."""
        states = dict.fromkeys(STATES, 0)
        for user_id in user_ids:
            seen = self.presence.get(user_id)
            states[seen.state if seen else "unknown"] += 1
        return states


def queue(facts: Facts) -> tuple[WaitingCall, ...]:
    """The callers waiting now, longest first."""
    waiting = sorted(
        (call for call in facts.live if call.waiting), key=lambda call: (call.started_at, call.id)
    )
    return tuple(
        WaitingCall(
            str(call.id),
            facts.directory.number(call.number.id),
            shown_caller(call.raw_digits, facts.settings.caller),
            call.started_at,
        )
        for call in waiting
        if call.number is not None
    )


def user_rows(facts: Facts, teams: Iterable[Team]) -> tuple[UserRow, ...]:
    """One row for each user of `teams`."""
    directory, settings = facts.directory, facts.settings
    numbers = None if facts.assigned is None else numbers_of(facts.assigned)
    current = current_calls(facts.live)
    memberships: dict[int, list[Named]] = {}
    for team in teams:
        for user_id in team.members:
            memberships.setdefault(user_id, []).append(team.label)

    def row(user_id: int) -> UserRow:
        known = directory.users.get(user_id) or User(user_id)
        seen = facts.presence.get(user_id)
        tally = facts.period.users.get(user_id, NOBODY)
        answers = None if numbers is None else numbers.get(user_id, set())
        return UserRow(
            user=directory.user(user_id),
            time_zone=known.time_zone or "",
            language=known.language or "",
            teams=tuple(memberships[user_id]),
            numbers=tuple(directory.number(number_id) for number_id in sorted(answers or ())),
            state=seen.state if seen else "unknown",
            since=seen.since if seen else None,
            seconds=dict(seen.seconds) if seen else {},
            calls=_counts(tally, facts.missed_on(answers)),
            average_answer=tally.average_answer,
            average_call=tally.average_call,
            sla_breached=exceeds(tally.average_answer, facts.settings.sla),
            waiting=facts.waiting_on(answers),
            current=_current(current.get(user_id), directory, settings.caller),
        )

    return tuple(row(user_id) for user_id in memberships)


def team_rows(facts: Facts, teams: Iterable[Team]) -> tuple[TeamRow, ...]:
    """One row for each team: each call once, however many members it touches."""
    tallies = facts.period.users

    def row(team: Team) -> TeamRow:
        tally = sum((tallies[user] for user in team.members if user in tallies), NOBODY)
        missed = facts.missed_on(team.numbers)
        return TeamRow(
            team=team.label,
            users=facts.states(team.members),
            calls=_counts(tally, missed),
            missed={} if team.numbers is None else facts.reasons_on(team.numbers),
            average_answer=tally.average_answer,
            average_call=tally.average_call,
            sla_breached=exceeds(tally.average_answer, facts.settings.sla),
            service_level=None if missed is None else tally.service_level(missed),
            waiting=facts.waiting_on(team.numbers),
        )

    return tuple(row(team) for team in teams)


def number_rows(facts: Facts, number_ids: Iterable[int]) -> tuple[NumberRow, ...]:
    """One row for each of the company's numbers."""

    def row(number_id: int) -> NumberRow:
        known = facts.directory.numbers.get(number_id) or Number(number_id)
        tally = facts.period.numbers.get(number_id, NOBODY)
        return NumberRow(
            number=facts.directory.number(number_id),
            digits=known.digits or "",
            country=known.country or "",
            time_zone=known.time_zone or "",
            users=None if facts.assigned is None else facts.states(facts.assigned.get(number_id, ())),
            calls=_counts(tally, tally.inbound_missed),
            missed=facts.reasons_on([number_id]),
            average_answer=tally.average_answer,
            average_call=tally.average_call,
            sla_breached=exceeds(tally.average_answer, facts.settings.sla),
            service_level=tally.service_level(tally.inbound_missed),
        )

    return tuple(row(number_id) for number_id in number_ids)


def counter_values(
    totals: Totals, facts: Facts, teams: Iterable[Team], users: tuple[UserRow, ...]
) -> CounterValues:
    """The counters under today's names, with a 0 for whatever can be counted but was not yet.

    A counter that first shows up at 1 has lost that one to every `increase()`: so numbers, teams,
    and users with their numbers start at 0.
    """
    nobody = Named("", "")
    directory = facts.directory
    mapped = facts.settings.map_users_to_numbers

    def name(user_id: int | None) -> Named:
        return nobody if user_id is None else directory.user(user_id)

    numbers = [directory.number(number_id) for number_id in directory.numbers]
    shown = [team.label for team in teams]
    calls = {(nobody, number, "inbound", "missed"): 0 for number in numbers}
    for row in users:
        for number in row.numbers:
            for kind in (("inbound", "answered"), ("outbound", "answered"), ("outbound", "unanswered")):
                calls[(row.user, number, *kind)] = 0
    for (user_id, number_id, *rest), count in totals.calls.items():
        calls[(name(user_id), directory.number(number_id), rest[0], rest[1])] = count
    by_team = {(team, *kind): 0 for team in shown for kind in _counts(NOBODY, 0 if mapped else None)}
    for (team_id, *rest), count in totals.teams.items():
        by_team[_team_label(team_id, directory), rest[0], rest[1]] = count
    return CounterValues(
        calls=calls,
        missed={(number, reason): 0 for number in numbers for reason in MISSED_REASONS}
        | {(directory.number(number), reason): count for (number, reason), count in totals.missed.items()},
        teams=by_team,
        number_answer={number: Spread(totals.answer_bounds) for number in numbers}
        | {directory.number(number): _copy(spread) for number, spread in totals.number_answer.items()},
        number_talk={
            (number, way): Spread(TALK_BOUNDS) for number in numbers for way in ("inbound", "outbound")
        }
        | {
            (directory.number(number), way): _copy(spread)
            for (number, way), spread in totals.number_talk.items()
        },
        user_answer={row.user: Sum() for row in users}
        | {name(user): Sum(done.count, done.seconds) for user, done in totals.user_answer.items()},
        user_talk={(row.user, way): Sum() for row in users for way in ("inbound", "outbound")}
        | {
            (name(user), way): Sum(done.count, done.seconds) for (user, way), done in totals.user_talk.items()
        },
    )


def _team_label(team_id: str, directory: Directory) -> Named:
    if team_id == SINGLE_USERS.id:
        return SINGLE_USERS
    if team_id.startswith(GROUP_PREFIX):
        return group_label(team_id.removeprefix(GROUP_PREFIX))
    return directory.team(int(team_id))


def _copy(spread: Spread) -> Spread:
    return Spread(spread.bounds, list(spread.buckets), dict(spread.exemplars), spread.sum)


def _counts(tally: Tally, missed: int | None) -> CallCounts:
    counts = {
        ("inbound", "answered"): tally.inbound_answered,
        ("outbound", "answered"): tally.outbound_answered,
        ("outbound", "unanswered"): tally.outbound_unanswered,
    }
    return counts if missed is None else counts | {("inbound", "missed"): missed}


def _current(call: Call | None, directory: Directory, caller: Caller) -> CurrentCall | None:
    if call is None:
        return None
    return CurrentCall(
        call.direction,
        directory.number(call.number.id if call.number else None),
        shown_caller(call.raw_digits, caller),
        call.answered_at if call.answered_at is not None else call.started_at,
    )
