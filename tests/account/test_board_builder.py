"""Tests of the board builder: a board with reused rows equals one that is built at once."""

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.account.current_board import current_board
from exporter.aircall.models import Call, Ref
from exporter.config.settings import Settings
from exporter.durations import Duration
from tests.support.account_changes import (
    KNOWN,
    SETTINGS,
    START,
    Counting,
    Event,
    calls,
    ids,
    read_availabilities,
    read_calls,
    read_numbers,
    read_teams,
    read_users,
    saved,
    shown,
)

states = st.sampled_from(["available", "in_call", "offline", "something new"])


events = st.one_of(
    *[st.lists(calls(), min_size=1, max_size=4).map(read_calls)] * 3,
    *[st.integers(0, 900).map(lambda later: lambda account: account.advance_to(START + later))] * 2,
    st.sets(ids).map(read_users),
    st.dictionaries(ids, st.frozensets(ids), max_size=3).map(read_teams),
    st.sets(ids).map(read_numbers),
    st.dictionaries(ids, st.frozensets(ids)).map(
        lambda assigned: (
            lambda account: account.reference_data.apply_assignments(
                assigned, frozenset(), frozenset(), START
            )
        )
    ),
    st.builds(read_availabilities, st.dictionaries(ids, states), st.integers(0, 100), st.booleans()),
    st.integers(1, 4).map(lambda call_id: lambda account: account.remove_call(call_id)),
    st.just(saved),
    st.sampled_from([0, 30]).map(
        lambda sla: (
            lambda account: account.configure(
                Settings(sla=Duration(sla), groups=SETTINGS.groups, map_users_to_numbers=bool(sla))
            )
        )
    ),
)


@given(st.lists(events, max_size=10))
@settings(max_examples=300, deadline=None)
def test_board_with_reused_rows_equals_rebuilt_board(changes: list[Event]) -> None:
    updated, rebuilt = Counting(), Counting()
    for event in (*KNOWN, *changes):
        event(updated)
        event(rebuilt)
        current_board(updated, 0.0)
    assert shown(current_board(updated, 0.0)) == shown(current_board(rebuilt, 0.0))


def test_board_unchanged_row_is_reused() -> None:
    account = Counting()
    for event in (read_users({1, 2}), read_numbers({1, 2}), read_availabilities({1: "available"}, 0, False)):
        event(account)
    before = current_board(account, 0.0)
    call = Call(1, "inbound", "done", START - 60, START - 50, START - 10, user=Ref(1), number=Ref(1))
    read_calls([call])(account)
    after = current_board(account, 0.0)
    assert [a is b for a, b in zip(before.users, after.users, strict=True)] == [False, True]
    assert [a is b for a, b in zip(before.numbers, after.numbers, strict=True)] == [False, True]


def test_board_row_that_another_user_does_not_change_is_reused() -> None:
    account = Counting()
    for event in KNOWN:
        event(account)
    before = current_board(account, 0.0)
    read_users({1, 2, 3, 9})(account)
    after = current_board(account, 0.0)
    rows = {row.user: row for row in after.users}
    assert len(rows) == len(before.users) + 1
    assert all(rows[row.user] is row for row in before.users)
    assert all(old is new for old, new in zip(before.numbers, after.numbers, strict=True))
    counters = {row.user: row for row in after.counters.users}
    assert before.counters.users
    assert all(counters[row.user] is row for row in before.counters.users)
    assert all(old is new for old, new in zip(before.counters.numbers, after.counters.numbers, strict=True))
