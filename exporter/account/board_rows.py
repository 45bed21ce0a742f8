"""The rows of the board. A row is rebuilt only if its data changed."""

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from functools import cached_property

from exporter.account.board import CurrentCall, NumberRow, TeamRow, UserRow, WaitingCall
from exporter.account.caller_masking import format_caller
from exporter.account.current_calls import IN_CALL, Talking
from exporter.account.directory import Directory
from exporter.account.group_stats import GroupStats, Tallies
from exporter.account.menu_stages import Stage
from exporter.account.period import MissedSums, Period, PeriodName
from exporter.account.period_figures import group_figures, user_figures
from exporter.account.presence import Presence, State
from exporter.account.reused_objects import only, reuse_if_equal
from exporter.account.roster import Roster
from exporter.account.substatus_times import SubstatusTimes
from exporter.account.teams import Team
from exporter.aircall.models import Call, Number, User
from exporter.config.settings import Caller


@dataclass(frozen=True)
class RowInputs:
    """The data from which rows are built.

    `live` are the active calls that are shown, and `stages` the stage of each that waits, by id.
    """

    roster: Roster
    presence: Mapping[int, Presence]
    substatus_times: SubstatusTimes
    periods: Mapping[PeriodName, Period]
    live: list[Call]
    talking: Talking
    stages: Mapping[int, Stage]

    @cached_property
    def waiting(self) -> Mapping[int, int]:
        """The number of callers who wait for a person, by number id."""
        return Counter(call.number.id for call in self.in_queue() if call.number)

    def in_queue(self, in_menu: bool = False) -> list[Call]:
        """Return the calls that wait for a person, or those `in_menu`, longest first."""
        found = [call for call in self.live if call.waiting and (self.stages[call.id] == "menu") == in_menu]
        return sorted(found, key=lambda call: (call.waits_since, call.id))

    @cached_property
    def current(self) -> Mapping[int, Call]:
        """The current call of each user whose state allows a call, by user id."""
        current = self.talking.current(self.live)
        return {user_id: call for user_id, call in current.items() if self.state(user_id) in IN_CALL}

    def state(self, user_id: int) -> State:
        """Return a user's state."""
        seen = self.presence.get(user_id)
        return seen.state if seen else "unknown"

    def waiting_on(self, number_ids: Iterable[int] | None) -> int | None:
        """Return how many callers wait on these numbers, or None if the numbers are unknown."""
        return None if number_ids is None else sum(self.waiting.get(number, 0) for number in number_ids)

    def tallies(self, user_id: int) -> Tallies:
        """Return the sums over a user's calls, by period."""
        return {name: period.users.get(user_id, period.nothing) for name, period in self.periods.items()}

    @property
    def nothing(self) -> Tallies:
        """The sums over no calls, by period."""
        return {name: period.nothing for name, period in self.periods.items()}


def queue(facts: RowInputs, in_menu: bool = False) -> tuple[WaitingCall, ...]:
    """Return the callers who wait for a person, or those `in_menu`, longest first.

    Calls without a number get an empty id and name.
    """
    return tuple(_waiting_call(facts, call) for call in facts.in_queue(in_menu))


def _waiting_call(facts: RowInputs, call: Call) -> WaitingCall:
    roster = facts.roster
    number_id = call.number.id if call.number else None
    rules = roster.rules.of_number(number_id)
    return WaitingCall(
        str(call.id),
        roster.directory.number(number_id),
        format_caller(call.raw_digits, roster.settings.caller),
        call.waits_since,
        rules.warning,
        rules.critical,
        facts.stages[call.id],
    )


class BoardRows:
    """The rows of one roster's users, teams and numbers."""

    def __init__(self, facts: RowInputs, before: "BoardRows | None" = None) -> None:
        """Build all rows. Those that equal the rows of the roster `before` are reused."""
        self.roster, self.periods = facts.roster, facts.periods.keys()
        self._members = GroupStats(facts.roster, facts.nothing)
        self._shared: dict[int, tuple[int, list[MissedSums]]] = {}
        self._users: dict[int, UserRow] = {}
        self._teams: dict[str, TeamRow] = {}
        self._numbers: dict[int, NumberRow] = {}
        if before is not None:
            teams = {team.label.id for team in self.roster.teams}
            self._users = only(before._users, self.roster.teams_of_user.keys())
            self._teams = only(before._teams, teams)
            self._numbers = only(before._numbers, self.roster.numbers)
        self.update(facts, self.roster.users, self.roster.numbers)
        for team in self.roster.teams:
            row = _team_row(facts, team, self._members)
            self._teams[team.label.id] = reuse_if_equal(self._teams.get(team.label.id), row)

    @property
    def users(self) -> tuple[UserRow, ...]:
        """One row for each user of the board's teams."""
        return tuple(map(self._users.__getitem__, self.roster.teams_of_user))

    @property
    def teams(self) -> tuple[TeamRow, ...]:
        """One row for each team. A call counts once, also if several members are concerned."""
        return tuple(self._teams[team.label.id] for team in self.roster.teams)

    @property
    def numbers(self) -> tuple[NumberRow, ...]:
        """One row for each of the company's numbers."""
        return tuple(map(self._numbers.__getitem__, sorted(self.roster.numbers)))

    def update(self, facts: RowInputs, users: Set[int], numbers: Set[int]) -> None:
        """Rebuild the rows that depend on these `users` and `numbers`.

        A change of a user affects their teams and the numbers that they answer. Waiting and missed calls on a
        number affect its users and their teams.
        """
        roster = self.roster
        changed_users, changed_numbers, changed_teams = set(users), set(numbers), dict[str, Team]()

        def update_teams(teams: Iterable[Team]) -> None:
            changed_teams.update((team.label.id, team) for team in teams)

        for user_id in users:
            if self._members.update(user_id, facts.state(user_id), facts.tallies(user_id)):
                update_teams(roster.teams_of_user.get(user_id, ()))
                changed_numbers |= (roster.numbers_by_user or {}).get(user_id, set())
        for number_id in numbers:
            if self._has_changed(number_id, facts):
                update_teams(roster.teams_on_number.get(number_id, ()))
                changed_users |= (roster.users_by_number or {}).get(number_id, frozenset())
        for user_id in changed_users & roster.teams_of_user.keys():
            self._users[user_id] = reuse_if_equal(self._users.get(user_id), _user_row(facts, user_id))
        for team_id, team in changed_teams.items():
            self._teams[team_id] = reuse_if_equal(
                self._teams.get(team_id), _team_row(facts, team, self._members)
            )
        for number_id in changed_numbers & roster.numbers:
            row = _number_row(facts, number_id, self._members)
            self._numbers[number_id] = reuse_if_equal(self._numbers.get(number_id), row)

    def _has_changed(self, number_id: int, facts: RowInputs) -> bool:
        """Return whether the waiting or missed calls on a number changed since the last board."""
        before = self._shared.get(number_id)
        missed = [period.missed_sums(number_id) for period in facts.periods.values()]
        now = self._shared[number_id] = facts.waiting.get(number_id, 0), missed
        return before != now


def _user_row(facts: RowInputs, user_id: int) -> UserRow:
    directory, settings = facts.roster.directory, facts.roster.settings
    known = directory.users.get(user_id) or User(user_id)
    seen = facts.presence.get(user_id)
    answers = (
        None if facts.roster.numbers_by_user is None else facts.roster.numbers_by_user.get(user_id, set())
    )
    user = directory.user(user_id)
    return UserRow(
        user=user,
        display_name=f"{user.name} {user.id}" if user.name in facts.roster.shared_names else user.name,
        time_zone=known.time_zone or "",
        language=known.language or "",
        teams=tuple(team.label for team in facts.roster.teams_of_user[user_id]),
        numbers=tuple(directory.number(number_id) for number_id in sorted(answers or ())),
        state=facts.state(user_id),
        since=seen.since if seen else None,
        substatus=seen.substatus if seen else None,
        seconds=dict(seen.seconds) if seen else {},
        substatus_seconds=facts.substatus_times.exposed(user_id),
        figures={name: user_figures(period, facts.roster, user_id) for name, period in facts.periods.items()},
        waiting=facts.waiting_on(answers),
        current=_current(facts.current.get(user_id), directory, settings.caller),
    )


def _team_row(facts: RowInputs, team: Team, members: GroupStats) -> TeamRow:
    group, rules = members.teams[team.label.id], facts.roster.rules.of_team(team.label.id)
    return TeamRow(
        team=team.label,
        rules=rules,
        users=dict(group.states),
        figures={
            name: group_figures(period, group.tallies[name], team.numbers, rules)
            for name, period in facts.periods.items()
        },
        waiting=facts.waiting_on(team.numbers),
    )


def _number_row(facts: RowInputs, number_id: int, members: GroupStats) -> NumberRow:
    roster = facts.roster
    known = roster.directory.numbers.get(number_id) or Number(number_id)
    rules = roster.rules.of_number(number_id)
    return NumberRow(
        number=roster.directory.number(number_id),
        digits=known.digits or "",
        country=known.country or "",
        time_zone=known.time_zone or "",
        rules=rules,
        users=None if roster.users_by_number is None else members.states_on(number_id),
        is_open=roster.directory.is_open(number_id),
        figures={
            name: group_figures(period, period.numbers.get(number_id, period.nothing), [number_id], rules)
            for name, period in facts.periods.items()
        },
    )


def _current(call: Call | None, directory: Directory, caller: Caller) -> CurrentCall | None:
    if call is None:
        return None
    return CurrentCall(
        call.direction,
        directory.number(call.number.id if call.number else None),
        format_caller(call.raw_digits, caller),
        call.answered_at if call.answered_at is not None else call.started_at,
    )
