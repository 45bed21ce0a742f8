"""The counters under today's names, with a 0 for whatever can be counted but was not yet.

A counter that first shows up at 1 has lost that one to every `increase()`: so numbers, teams, users with
their numbers, and whoever is in a call on another number (a transfer, say) start at 0.
"""

from collections.abc import Mapping, Set
from functools import cached_property
from typing import TypeVar

from exporter.account.board import Counters, NumberCounters, TeamCounters, UserCounters
from exporter.account.board_rows import MISSED_REASONS, NO_USERS, call_counts, reuse_if_equal
from exporter.account.counter_totals import (
    KINDS,
    OTHERS,
    TALK_TIME_BUCKETS,
    Histogram,
    Kind,
    Subject,
    Summary,
    Totals,
)
from exporter.account.directory import SINGLE_USERS, Directory, NamedRef
from exporter.account.roster import Roster
from exporter.account.teams import GROUP_PREFIX, group_label
from exporter.account.user_limit import OTHER_NUMBERS, OTHER_TEAMS, OTHER_USERS
from exporter.aircall.models import Call

T = TypeVar("T")

_DIRECTIONS = ("inbound", "outbound")
_KINDS = (("inbound", "answered"), ("outbound", "answered"), ("outbound", "unanswered"))
"""What a user's calls can come to; an inbound call is missed by nobody in particular."""


class CounterRows:
    """The counters of one roster, by whom they are counted for; only those are made anew that changed."""

    def __init__(self, roster: Roster, totals: Totals, bounds: tuple[float, ...], live: list[Call]) -> None:
        """Make them all. `bounds` are the buckets of the time to answer, `live` the calls that go on."""
        self.roster = roster
        self._directory = roster.directory
        self.totals = totals
        self._bounds = bounds
        self._active: Mapping[str, Set[str]] = {}
        self._users: dict[str, UserCounters] = {}
        self._numbers: dict[str, NumberCounters] = {}
        self._teams: dict[str, TeamCounters] = {}
        everybody: set[Subject] = {("team", team.label.id) for team in roster.teams}
        everybody |= {(kind, id_) for kind in KINDS for id_ in totals.subjects(kind)}
        for user, on in _going_on(live).items():
            everybody |= {("user", user), *(("number", number) for number in on)}
        self.update(live, roster.users, roster.numbers, everybody)

    @property
    def counters(self) -> Counters:
        return Counters(
            tuple(self._users.values()), tuple(self._numbers.values()), tuple(self._teams.values())
        )

    def update(self, live: list[Call], users: Set[int], numbers: Set[int], owners: Set[Subject]) -> None:
        """Make anew what changes with what happened to these `users` and `numbers`, and the counters of
        the `owners`, whose totals changed. Calls without a user or number may have come and gone with any."""
        self._active = _going_on(live)
        changed: dict[Kind, set[str]] = {"user": {"", *map(str, users)}, "number": {"", *map(str, numbers)}}
        for kind, id_ in owners:
            changed.setdefault(kind, set()).add(id_)
        for id_ in changed["user"]:
            _put(self._users, id_, self._user(id_))
        for id_ in changed["number"]:
            _put(self._numbers, id_, self._number(id_))
        for id_ in changed.get("team", ()):
            self._teams[id_] = reuse_if_equal(self._teams.get(id_), self._team(id_))

    def _user(self, id_: str) -> UserCounters | None:
        owner: Subject = "user", id_
        on_board = id_ not in ("", OTHERS) and int(id_) in self.roster.teams_of_user
        numbers = set(self._active.get(id_, ()))
        if on_board and self.roster.numbers_by_user is not None:
            numbers.update(map(str, self.roster.numbers_by_user.get(int(id_), ())))
        calls = {(self._number_named(number), *kind): 0 for number in sorted(numbers) for kind in _KINDS}
        if not id_:
            calls |= {(self._number_named(number), "inbound", "missed"): 0 for number in self._countable}
        calls |= {
            (self._number_named(number), way, outcome): count
            for (number, way, outcome), count in self.totals.of(owner, "calls")
        }
        answer = self.totals.summaries(owner, "user_answer").get((), Summary() if on_board else None)
        talk = {way: Summary() for way in _DIRECTIONS} if on_board else {}
        talk |= {way: total for (way,), total in self.totals.summaries(owner, "user_talk").items()}
        told = on_board and self._from_events
        held = self.totals.summaries(owner, "hold").get((), Summary() if told else None)
        declined = dict(self.totals.of(owner, "declined")).get((), 0 if told else None)
        if not calls and answer is None and not talk and held is None and declined is None:
            return None
        return UserCounters(self._user_named(id_), calls, answer, talk, declined, held)

    def _number(self, id_: str) -> NumberCounters | None:
        owner: Subject = "number", id_
        countable = id_ in self._countable
        missed = dict.fromkeys(MISSED_REASONS, 0) if countable else {}
        missed |= {reason: count for (reason,), count in self.totals.of(owner, "missed_calls")}
        nothing = Histogram(dict.fromkeys(self._bounds, 0)) if countable else None
        answer = self.totals.histograms(owner, "answer", self._bounds).get((), nothing)
        talk = (
            {way: Histogram(dict.fromkeys(TALK_TIME_BUCKETS, 0)) for way in _DIRECTIONS} if countable else {}
        )
        talk |= {
            way: spread for (way,), spread in self.totals.histograms(owner, "talk", TALK_TIME_BUCKETS).items()
        }
        told = Histogram(dict.fromkeys(self._bounds, 0)) if countable and self._from_events else None
        queue = self.totals.histograms(owner, "queue", self._bounds).get((), told)
        if not missed and answer is None and not talk and queue is None:
            return None
        return NumberCounters(self._number_named(id_), missed, answer, talk, queue)

    def _team(self, id_: str) -> TeamCounters:
        mapped = self.roster.settings.map_users_to_numbers
        shown = any(team.label.id == id_ for team in self.roster.teams)
        calls = dict(call_counts(NO_USERS, 0 if mapped else None)) if shown else {}
        calls |= {(way, outcome): n for (way, outcome), n in self.totals.of(("team", id_), "team_calls")}
        return TeamCounters(_team_label(id_, self._directory), calls)

    @property
    def _from_events(self) -> bool:
        """Whether there are events to tell what polls do not."""
        return bool(self.roster.settings.webhook.tokens)

    @property
    def _countable(self) -> Set[str]:
        """The numbers on which a call may be counted next: the company's, and those of present calls."""
        return self._companys.union(*self._active.values())

    @cached_property
    def _companys(self) -> frozenset[str]:
        return frozenset(map(str, self._directory.numbers))

    def _user_named(self, id_: str) -> NamedRef:
        if id_ == OTHERS:
            return OTHER_USERS
        return self._directory.user(int(id_)) if id_ else NamedRef("", "")

    def _number_named(self, id_: str) -> NamedRef:
        if id_ == OTHERS:
            return OTHER_NUMBERS
        return self._directory.number(int(id_) if id_ else None)


def _going_on(live: list[Call]) -> dict[str, set[str]]:
    """The numbers that users are in calls on, by user; empty ids for calls without."""
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


def _team_label(team_id: str, directory: Directory) -> NamedRef:
    if team_id == SINGLE_USERS.id:
        return SINGLE_USERS
    if team_id == OTHERS:
        return OTHER_TEAMS
    if team_id.startswith(GROUP_PREFIX):
        return group_label(team_id.removeprefix(GROUP_PREFIX))
    return directory.team(int(team_id))
