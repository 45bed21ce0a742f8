"""Tests of limiting the users on a board."""

from dataclasses import replace

from exporter.account import archiving
from exporter.account.account import Account
from exporter.account.current_board import current_board
from exporter.account.records import LoadedState
from exporter.account.user_limit import apply_user_limit
from exporter.aircall.models import User
from exporter.config.settings import Settings


def test_apply_user_limit_users_within_the_limit_and_an_excluded_one_reuses_all_rows() -> None:
    account = Account(Settings(exclude_users=(1,)))
    account.ledger.complete = True
    archiving.restore(account, LoadedState(totals=[(("calls", "1", "", "inbound", "answered"), 4)]))
    for id_ in (1, 2, 3):
        account.directory.add_user(User(id_, f"User {id_}"))
    board = current_board(account, 0.0)
    assert {row.user.id for row in board.counters.users} == {"2", "3", "others"}
    again = apply_user_limit(board, account.ledger.user_series.own, account.roster([]).exclusion)
    assert again.users is board.users
    assert again.counters.users[-1] is board.counters.users[-1]


def test_users_outside_the_chosen_teams_are_not_over_the_limit() -> None:
    account = Account(Settings())
    account.ledger.complete = True
    archiving.restore(account, LoadedState())
    for id_ in (1, 2, 3):
        account.directory.add_user(User(id_, f"User {id_}"))
    board = current_board(account, 0.0)
    exclusion = account.roster([]).exclusion
    assert apply_user_limit(board, {"1"}, exclusion).dropped_users == 2
    in_teams = replace(board, users=board.users[:1])
    limited = apply_user_limit(in_teams, {"1"}, exclusion)
    assert {row.user.id for row in limited.counters.users} == {"1", "others"}
    assert limited.dropped_users == 0
