"""Tests of the time in states that is saved in the archive."""

from collections import Counter, defaultdict
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.account import times_in_state
from exporter.account.presence import STATES, PresenceBook, Spent, State
from exporter.account.times_in_state import (
    MAX_LENGTH_S,
    SAVE_INTERVAL_S,
    SIGNED_IN,
    Key,
    TimeInState,
    TimesInState,
)
from exporter.aircall.data_limits import Limit

STALE_AFTER = 60.0
START = 1_780_000_000.0


class Collected:
    """Time in states, and the rows that the archive would have."""

    def __init__(self, ahead: float = 0.0) -> None:
        self.exceeded: Counter[Limit] = Counter()
        self.times = TimesInState(self.exceeded)
        self.rows: dict[Key, TimeInState] = {}
        self.ahead = ahead
        self.teams: dict[int, tuple[str, ...]] = {}
        self.excluded: bool | None = False

    def add(self, state: State, since: float, until: float, user: int = 1) -> None:
        self.times.add(user, Spent(state, START + since, START + until))

    def take(self, at: float) -> dict[Key, TimeInState]:
        now = START + at + self.ahead
        return self.times.take(now, self.ahead, self.teams.get, lambda _: self.excluded)

    def save(self, at: float) -> None:
        self.rows |= self.take(at)

    @property
    def intervals(self) -> list[tuple[int, int, str]]:
        """The rows' seconds after the start, and their states."""
        return sorted(
            (since - int(START), until - int(START), s) for _, since, until, s, _ in self.rows.values()
        )


def test_time_in_state_is_one_row_for_each_state() -> None:
    collected = Collected()
    for since in range(0, 50, 10):
        collected.add("available", since, since + 10)
    collected.add("in_call", 50, 70)
    collected.add("offline", 70, 500)
    collected.add("do_not_disturb", 500, 510)
    collected.save(510)
    assert collected.intervals == [(0, 50, "available"), (50, 70, "in_call"), (500, 510, "do_not_disturb")]


def test_time_in_state_that_goes_on_is_saved_once_per_minute() -> None:
    collected = Collected()
    saved = []
    for since in range(0, 200, 5):
        collected.add("available", since, since + 5)
        saved.append(len(collected.take(since + 5)))
    assert saved.count(1) == 200 // SAVE_INTERVAL_S + 1
    collected.save(400)
    assert collected.intervals == [(0, 200, "available")]


def test_time_in_state_of_an_hour_continues_in_another_row() -> None:
    collected = Collected()
    for since in range(0, 3 * MAX_LENGTH_S, 10):
        collected.add("available", since, since + 10)
    collected.save(3 * MAX_LENGTH_S)
    assert [until - since for since, until, _ in collected.intervals] == [MAX_LENGTH_S] * 3
    assert {until for _, until, _ in collected.intervals} > {MAX_LENGTH_S, 2 * MAX_LENGTH_S}


def test_time_in_state_is_dated_on_the_clock_of_aircall_and_keeps_its_start() -> None:
    collected = Collected(ahead=100.0)
    collected.add("available", 0, 10)
    collected.save(10)
    collected.ahead = 103.0
    collected.add("available", 10, 80)
    collected.save(80)
    assert collected.intervals == [(100, 180, "available")]  # as long as it was observed


def test_time_in_state_begins_again_when_the_clock_of_aircall_changes() -> None:
    collected = Collected(ahead=600.0)
    collected.add("available", 0, 80)
    collected.save(80)
    collected.ahead = 0.0
    collected.add("available", 80, 90)
    collected.save(90)
    collected.add("available", 90, 230)
    collected.add("offline", 230, 500)
    collected.add("in_call", 500, 700)
    collected.save(800)
    assert collected.intervals == [(90, 230, "available"), (500, 700, "in_call"), (600, 690, "available")]


def test_time_in_state_of_a_user_who_is_excluded_is_not_saved() -> None:
    collected = Collected()
    collected.excluded = None
    collected.add("available", 0, 10)
    collected.add("in_call", 10, 20)
    collected.save(20)
    assert collected.rows == {}
    collected.excluded = False
    collected.save(100)
    assert collected.intervals == [(0, 10, "available"), (10, 20, "in_call")]
    collected.excluded = True
    collected.add("in_call", 20, 30)
    collected.add("available", 30, 40)
    assert collected.take(110) == {}
    collected.add("available", 40, 50)
    assert collected.take(115) == {}
    collected.excluded = False
    collected.add("available", 50, 60)
    collected.save(200)
    assert collected.intervals[2:] == [(50, 60, "available")]  # nothing of the time in between


def test_time_in_state_has_the_latest_teams_of_the_user() -> None:
    collected = Collected()
    collected.teams = {1: ("6781",)}
    collected.add("available", 0, 10)
    collected.save(10)
    collected.teams = {}  # the user was deleted
    collected.add("available", 10, 20)
    collected.times.remove({1})
    collected.save(20)
    assert [row.team_ids for row in collected.rows.values()] == [("6781",)]
    assert collected.intervals == [(0, 20, "available")]


def test_time_in_state_beyond_the_limit_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(times_in_state, "MAX_UNSAVED", 3)
    collected = Collected()
    for user in range(5):
        collected.add("available", 0, 10, user)
    collected.times.remove(set(range(5)))
    assert collected.exceeded["times_in_state"] == 2
    taken = collected.take(10)
    assert len(taken) == 3
    for user in range(5, 7):
        collected.add("available", 0, 10, user)
    collected.times.take_back(taken | collected.take(100))
    assert collected.exceeded["times_in_state"] == 4
    assert len(collected.take(101)) == 3


Observation = tuple[int, float, State]
observations = st.lists(
    st.tuples(st.integers(1, 3), st.floats(0.0, 90.0), st.sampled_from(STATES)), min_size=1, max_size=60
)


@given(observations, st.lists(st.sampled_from(["save", "reject", "nothing"]), min_size=60, max_size=60))
def test_time_in_state_saved_equals_the_observed_time(found: list[Observation], done: list[str]) -> None:
    presence, collected, now = PresenceBook(), Collected(ahead=0.3), 0.0
    spells: defaultdict[tuple[int, State], int] = defaultdict(int)
    for (user, after, state), then in zip(found, done, strict=False):
        now += after
        spent = presence.apply(user, state, START + now, STALE_AFTER)
        collected.times.add(user, spent)
        spells[user, state] += 1
        if then == "save":
            collected.save(now)
        elif then == "reject":
            collected.times.take_back(collected.take(now))
    collected.save(now + 2 * SAVE_INTERVAL_S)
    seconds: Counter[tuple[int, str]] = Counter()
    for user, since, until, state_, _ in collected.rows.values():
        seconds[user, state_] += until - since
    for user, own in presence.users.items():
        for state in STATES:
            expected = own.seconds[state] if state in SIGNED_IN else 0.0
            # each spell is rounded to whole seconds at both ends
            assert seconds[user, state] == pytest.approx(expected, abs=spells[user, state] + 1e-6)
        intervals = sorted(
            (since, until) for id_, since, until, _, _ in collected.rows.values() if id_ == user
        )
        assert all(earlier[1] <= later[0] for earlier, later in pairwise(intervals))
