"""The counters under today's names, with a 0 for whatever can be counted but was not yet.

A counter that first shows up at 1 has lost that one to every `increase()`: so numbers, teams, users with
their numbers, and whoever is in a call on another number (a transfer, say) start at 0.
"""

from collections.abc import Mapping, Set
from functools import cached_property
from typing import TypeVar

from exporter.account.board import Counters, NumberCounters, TeamCounters, UserCounters
from exporter.account.directory import SINGLE_USERS, Directory, Named
from exporter.account.limit import OTHER_NUMBERS, OTHER_TEAMS, OTHER_USERS
from exporter.account.roster import Roster
from exporter.account.rows import MISSED_REASONS, NOBODY, call_counts, same_or_new
from exporter.account.teams import GROUP_PREFIX, group_label
from exporter.account.totals import KINDS, OTHERS, TALK_BOUNDS, Kind, Owner, Spread, Sum, Totals
from exporter.aircall.objects import Call

T = TypeVar("T")

_WAYS = ("inbound", "outbound")
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
        self._going_on: Mapping[str, Set[str]] = {}
        self._users: dict[str, UserCounters] = {}
        self._numbers: dict[str, NumberCounters] = {}
        self._teams: dict[str, TeamCounters] = {}
        everybody: set[Owner] = {("team", team.label.id) for team in roster.teams}
        everybody |= {(kind, id_) for kind in KINDS for id_ in totals.owners(kind)}
        for user, on in _going_on(live).items():
            everybody |= {("user", user), *(("number", number) for number in on)}
        self.renew(live, roster.users, roster.numbers, everybody)

    @property
    def counters(self) -> Counters:
        return Counters(
            tuple(self._users.values()), tuple(self._numbers.values()), tuple(self._teams.values())
        )

    def renew(self, live: list[Call], users: Set[int], numbers: Set[int], owners: Set[Owner]) -> None:
        """Make anew what changes with what happened to these `users` and `numbers`, and the counters of
        the `owners`, whose totals changed. Calls without a user or number may have come and gone with any."""
        self._going_on = _going_on(live)
        changed: dict[Kind, set[str]] = {"user": {"", *map(str, users)}, "number": {"", *map(str, numbers)}}
        for kind, id_ in owners:
            changed.setdefault(kind, set()).add(id_)
        for id_ in changed["user"]:
            _put(self._users, id_, self._user(id_))
        for id_ in changed["number"]:
            _put(self._numbers, id_, self._number(id_))
        for id_ in changed.get("team", ()):
            self._teams[id_] = same_or_new(self._teams.get(id_), self._team(id_))

    def _user(self, id_: str) -> UserCounters | None:
        owner: Owner = "user", id_
        on_board = id_ not in ("", OTHERS) and int(id_) in self.roster.teams_of_user
        numbers = set(self._going_on.get(id_, ()))
        if on_board and self.roster.answers is not None:
            numbers.update(map(str, self.roster.answers.get(int(id_), ())))
        calls = {(self._number_named(number), *kind): 0 for number in sorted(numbers) for kind in _KINDS}
        if not id_:
            calls |= {(self._number_named(number), "inbound", "missed"): 0 for number in self._countable}
        calls |= {
            (self._number_named(number), way, outcome): count
            for (number, way, outcome), count in self.totals.of(owner, "calls")
        }
        answer = self.totals.sums(owner, "user_answer").get((), Sum() if on_board else None)
        talk = {way: Sum() for way in _WAYS} if on_board else {}
        talk |= {way: total for (way,), total in self.totals.sums(owner, "user_talk").items()}
        told = on_board and self._told
        held = self.totals.sums(owner, "hold").get((), Sum() if told else None)
        declined = dict(self.totals.of(owner, "declined")).get((), 0 if told else None)
        if not calls and answer is None and not talk and held is None and declined is None:
            return None
        return UserCounters(self._user_named(id_), calls, answer, talk, declined, held)

    def _number(self, id_: str) -> NumberCounters | None:
        owner: Owner = "number", id_
        countable = id_ in self._countable
        missed = dict.fromkeys(MISSED_REASONS, 0) if countable else {}
        missed |= {reason: count for (reason,), count in self.totals.of(owner, "missed_calls")}
        nothing = Spread(dict.fromkeys(self._bounds, 0)) if countable else None
        answer = self.totals.spreads(owner, "answer", self._bounds).get((), nothing)
        talk = {way: Spread(dict.fromkeys(TALK_BOUNDS, 0)) for way in _WAYS} if countable else {}
        talk |= {way: spread for (way,), spread in self.totals.spreads(owner, "talk", TALK_BOUNDS).items()}
        told = Spread(dict.fromkeys(self._bounds, 0)) if countable and self._told else None
        queue = self.totals.spreads(owner, "queue", self._bounds).get((), told)
        if not missed and answer is None and not talk and queue is None:
            return None
        return NumberCounters(self._number_named(id_), missed, answer, talk, queue)

    def _team(self, id_: str) -> TeamCounters:
        mapped = self.roster.settings.map_users_to_numbers
        shown = any(team.label.id == id_ for team in self.roster.teams)
        calls = dict(call_counts(NOBODY, 0 if mapped else None)) if shown else {}
        calls |= {(way, outcome): n for (way, outcome), n in self.totals.of(("team", id_), "team_calls")}
        return TeamCounters(_team_label(id_, self._directory), calls)

    @property
    def _told(self) -> bool:
        """Whether there are events to tell what polls do not."""
        return bool(self.roster.settings.webhook.tokens)

    @property
    def _countable(self) -> Set[str]:
        """The numbers on which a call may be counted next: the company's, and those of present calls."""
        return self._companys.union(*self._going_on.values())

    @cached_property
    def _companys(self) -> frozenset[str]:
        return frozenset(map(str, self._directory.numbers))

    def _user_named(self, id_: str) -> Named:
        if id_ == OTHERS:
            return OTHER_USERS
        return self._directory.user(int(id_)) if id_ else Named("", "")

    def _number_named(self, id_: str) -> Named:
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
        rows[id_] = same_or_new(rows.get(id_), row)


def _team_label(team_id: str, directory: Directory) -> Named:
    if team_id == SINGLE_USERS.id:
        return SINGLE_USERS
    if team_id == OTHERS:
        return OTHER_TEAMS
    if team_id.startswith(GROUP_PREFIX):
        return group_label(team_id.removeprefix(GROUP_PREFIX))
    return directory.team(int(team_id))
