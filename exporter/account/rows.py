"""The rows of the board, from the account's parts."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
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
    totals: Totals, bounds: tuple[float, ...], facts: Facts, teams: Iterable[Team], users: tuple[UserRow, ...]
) -> CounterValues:
    """The counters under today's names, with a 0 for whatever can be counted but was not yet.

    A counter that first shows up at 1 has lost that one to every `increase()`: so numbers, teams,
    users with their numbers, and whoever is in a call on another number (a transfer, say) start at 0.
    `bounds` are the buckets of the time to answer.
    """
    nobody = Named("", "")
    user, number = _named(facts.directory.user), _named(facts.directory.number)
    mapped = facts.settings.map_users_to_numbers
    going_on = [
        (user(str(call.user.id) if call.user else ""), number(str(call.number.id) if call.number else ""))
        for call in facts.live
    ]
    numbers = {facts.directory.number(number_id) for number_id in facts.directory.numbers}
    numbers |= {on for _, on in going_on}
    pairs = {(row.user, each) for row in users for each in row.numbers} | set(going_on)
    ways = ("inbound", "outbound")
    kinds = (("inbound", "answered"), ("outbound", "answered"), ("outbound", "unanswered"))
    return CounterValues(
        calls={(nobody, each, "inbound", "missed"): 0 for each in numbers}
        | {(*pair, *kind): 0 for pair in pairs for kind in kinds}
        | {(user(u), number(n), way, outcome): count for (u, n, way, outcome), count in totals.of("calls")},
        missed={(each, reason): 0 for each in numbers for reason in MISSED_REASONS}
        | {(number(n), reason): count for (n, reason), count in totals.of("missed_calls")},
        teams={(team.label, *kind): 0 for team in teams for kind in _counts(NOBODY, 0 if mapped else None)}
        | {
            (_team_label(team, facts.directory), way, outcome): count
            for (team, way, outcome), count in totals.of("team_calls")
        },
        number_answer={each: Spread(dict.fromkeys(bounds, 0)) for each in numbers}
        | {number(n): spread for (n,), spread in totals.spreads("answer", bounds).items()},
        number_talk={(each, way): Spread(dict.fromkeys(TALK_BOUNDS, 0)) for each in numbers for way in ways}
        | {(number(n), way): spread for (n, way), spread in totals.spreads("talk", TALK_BOUNDS).items()},
        user_answer={row.user: Sum() for row in users}
        | {user(u): total for (u,), total in totals.sums("user_answer").items()},
        user_talk={(row.user, way): Sum() for row in users for way in ways}
        | {(user(u), way): total for (u, way), total in totals.sums("user_talk").items()},
    )


def _named(name: Callable[[int], Named]) -> Callable[[str], Named]:
    """Turn a key's id into a label; none for a call without one."""
    return lambda id_: name(int(id_)) if id_ else Named("", "")


def _team_label(team_id: str, directory: Directory) -> Named:
    if team_id == SINGLE_USERS.id:
        return SINGLE_USERS
    if team_id.startswith(GROUP_PREFIX):
        return group_label(team_id.removeprefix(GROUP_PREFIX))
    return directory.team(int(team_id))


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
