"""The counters under current names, with 0 for series that have not counted anything yet.

If a counter first appears at 1, `increase()` misses that call. So numbers, teams, users with their numbers,
and users in a call on another number (such as after a transfer) start at 0.
"""

from collections.abc import Mapping, Set
from functools import cached_property
from typing import TypeVar

from exporter.account.board import Counters, NumberCounters, TeamCounters, UserCounters
from exporter.account.buckets import CALL_BACK_BUCKETS, TALK_TIME_BUCKETS
from exporter.account.call_backs import RESULTS as CALL_BACK_RESULTS
from exporter.account.counter_totals import KINDS, OTHERS, Histogram, Kind, Subject, Summary, Totals
from exporter.account.directory import SINGLE_USERS, Directory, NamedRef
from exporter.account.missed_calls import MISSED_REASONS
from exporter.account.period import Tally
from exporter.account.period_figures import call_counts
from exporter.account.reused_objects import only, reuse_if_equal
from exporter.account.ring_attempts import RESULTS
from exporter.account.roster import Roster
from exporter.account.teams import GROUP_PREFIX, group_label
from exporter.account.user_limit import OTHER_NUMBERS, OTHER_TEAMS, OTHER_USERS
from exporter.aircall.models import Call

T = TypeVar("T")

_DIRECTIONS = ("inbound", "outbound")
_KINDS = (("inbound", "answered"), ("outbound", "answered"), ("outbound", "unanswered"))
"""Directions and outcomes of a user's calls. Inbound missed calls are not counted for users."""


class CounterRows:
    """The counters of one roster. Only those that changed are rebuilt."""

    def __init__(
        self,
        roster: Roster,
        totals: Totals,
        bounds: tuple[float, ...],
        live: list[Call],
        before: "CounterRows | None" = None,
    ) -> None:
        """Build all counters. Those that equal the counters of the roster `before` are reused.

        `bounds` are the buckets of the time to answer, `live` the active calls.
        """
        self.roster = roster
        self._directory = roster.directory
        self.totals = totals
        self._bounds = bounds
        self._active: Mapping[str, Set[str]] = {}
        self._users: dict[str, UserCounters] = {}
        self._numbers: dict[str, NumberCounters] = {}
        self._teams: dict[str, TeamCounters] = {}
        subjects: set[Subject] = {("team", team.label.id) for team in roster.teams}
        subjects |= {(kind, id_) for kind in KINDS for id_ in totals.subjects(kind)}
        for user, number_ids in _active_numbers(live).items():
            subjects |= {("user", user), *(("number", number) for number in number_ids)}
        if before is not None:  # `update` removes the users and numbers that have no counters any more
            self._users, self._numbers = dict(before._users), dict(before._numbers)
            self._teams = only(before._teams, {id_ for kind, id_ in subjects if kind == "team"})
            subjects |= {("user", id_) for id_ in self._users} | {("number", id_) for id_ in self._numbers}
        self.update(live, roster.users, roster.numbers, subjects)

    @property
    def counters(self) -> Counters:
        """Return the present rows."""
        return Counters(
            tuple(self._users.values()), tuple(self._numbers.values()), tuple(self._teams.values())
        )

    def update(self, live: list[Call], users: Set[int], numbers: Set[int], subjects: Set[Subject]) -> None:
        """Rebuild the counters of changed `users` and `numbers`, and of `subjects`, whose totals changed.

        The counters of calls without a user or number are always rebuilt.
        """
        self._active = _active_numbers(live)
        changed: dict[Kind, set[str]] = {"user": {"", *map(str, users)}, "number": {"", *map(str, numbers)}}
        for kind, id_ in subjects:
            changed.setdefault(kind, set()).add(id_)
        for id_ in changed["user"]:
            _put(self._users, id_, self._user(id_))
        for id_ in changed["number"]:
            _put(self._numbers, id_, self._number(id_))
        for id_ in changed.get("team", ()):
            self._teams[id_] = reuse_if_equal(self._teams.get(id_), self._team(id_))

    def _user(self, id_: str) -> UserCounters | None:
        subject: Subject = "user", id_
        on_board = id_ not in ("", OTHERS) and int(id_) in self.roster.teams_of_user
        numbers = set(self._active.get(id_, ()))
        if on_board and self.roster.numbers_by_user is not None:
            numbers.update(map(str, self.roster.numbers_by_user.get(int(id_), ())))
        calls = {(self._number_named(number), *kind): 0 for number in sorted(numbers) for kind in _KINDS}
        if not id_:
            calls |= {(self._number_named(number), "inbound", "missed"): 0 for number in self._countable}
        calls |= {
            (self._number_named(number), direction, outcome): count
            for (number, direction, outcome), count in self.totals.of(subject, "calls")
        }
        answer = self.totals.summaries(subject, "user_answer").get((), Summary() if on_board else None)
        talk = {direction: Summary() for direction in _DIRECTIONS} if on_board else {}
        talk |= {
            direction: sum_ for (direction,), sum_ in self.totals.summaries(subject, "user_talk").items()
        }
        has_events = on_board and self._has_webhook
        held = self.totals.summaries(subject, "hold").get((), Summary() if has_events else None)
        attempts: dict[str, int] = dict.fromkeys(RESULTS, 0) if has_events else {}
        attempts |= {result: count for (result,), count in self.totals.of(subject, "ring_attempts")}
        if not calls and answer is None and not talk and held is None and not attempts:
            return None
        return UserCounters(self._user_named(id_), calls, answer, talk, attempts, held)

    def _number(self, id_: str) -> NumberCounters | None:
        subject: Subject = "number", id_
        countable = id_ in self._countable
        missed = dict.fromkeys(MISSED_REASONS, 0) if countable else {}
        missed |= {reason: count for (reason,), count in self.totals.of(subject, "missed_calls")}
        empty = Histogram(dict.fromkeys(self._bounds, 0)) if countable else None
        answer = self.totals.histograms(subject, "answer", self._bounds).get((), empty)
        abandon = self.totals.histograms(subject, "abandon", self._bounds).get((), empty)
        directions = _DIRECTIONS if countable else ()
        talk = {direction: Histogram(dict.fromkeys(TALK_TIME_BUCKETS, 0)) for direction in directions}
        talk_counted = self.totals.histograms(subject, "talk", TALK_TIME_BUCKETS)
        talk |= {direction: histogram for (direction,), histogram in talk_counted.items()}
        empty = Histogram(dict.fromkeys(self._bounds, 0)) if countable and self._has_webhook else None
        queue = self.totals.histograms(subject, "queue", self._bounds).get((), empty)
        ended: dict[str, int] = dict.fromkeys(CALL_BACK_RESULTS, 0) if countable else {}
        ended |= {result: count for (result,), count in self.totals.of(subject, "call_backs")}
        empty = Histogram(dict.fromkeys(CALL_BACK_BUCKETS, 0)) if countable else None
        reached = self.totals.histograms(subject, "call_back", CALL_BACK_BUCKETS).get((), empty)
        row = NumberCounters(self._number_named(id_), missed, answer, abandon, talk, queue, ended, reached)
        return row if any((missed, answer, abandon, talk, queue, ended, reached)) else None

    def _team(self, id_: str) -> TeamCounters:
        mapped = self.roster.settings.map_users_to_numbers
        shown = any(team.label.id == id_ for team in self.roster.teams)
        calls = dict(call_counts(Tally.empty(0), 0 if mapped else None)) if shown else {}
        counted = self.totals.of(("team", id_), "team_calls")
        calls |= {(direction, outcome): count for (direction, outcome), count in counted}
        empty = Histogram(dict.fromkeys(self._bounds, 0)) if shown else None
        answer = self.totals.histograms(("team", id_), "team_answer", self._bounds).get((), empty)
        return TeamCounters(team_label(id_, self._directory), calls, answer)

    @property
    def _has_webhook(self) -> bool:
        """Whether events report what polls do not."""
        return bool(self.roster.settings.webhook.tokens)

    @property
    def _countable(self) -> Set[str]:
        """The numbers on which calls may be counted: those in the directory, and those of active calls."""
        return self._listed_numbers.union(*self._active.values())

    @cached_property
    def _listed_numbers(self) -> frozenset[str]:
        return frozenset(map(str, self._directory.numbers))

    def _user_named(self, id_: str) -> NamedRef:
        if id_ == OTHERS:
            return OTHER_USERS
        return self._directory.user(int(id_)) if id_ else NamedRef("", "")

    def _number_named(self, id_: str) -> NamedRef:
        if id_ == OTHERS:
            return OTHER_NUMBERS
        return self._directory.number(int(id_) if id_ else None)


def _active_numbers(live: list[Call]) -> dict[str, set[str]]:
    """Return the numbers of active calls, by user. Ids are empty for calls without a user or number."""
    numbers: dict[str, set[str]] = {}
    for call in live:
        user, number = str(call.user.id) if call.user else "", str(call.number.id) if call.number else ""
        numbers.setdefault(user, set()).add(number)
    return numbers


def _put(rows: dict[str, T], id_: str, row: T | None) -> None:
    if row is None:
        rows.pop(id_, None)
    else:
        rows[id_] = reuse_if_equal(rows.get(id_), row)


def team_label(team_id: str, directory: Directory) -> NamedRef:
    """Return the id and name of a team or group, also of those that were removed since."""
    if team_id == SINGLE_USERS.id:
        return SINGLE_USERS
    if team_id == OTHERS:
        return OTHER_TEAMS
    if team_id.startswith(GROUP_PREFIX):
        return group_label(team_id.removeprefix(GROUP_PREFIX))
    return directory.team(int(team_id))
