"""Leave users out of a board as long as it is not known whether they are excluded."""

from collections.abc import Set
from dataclasses import replace

from exporter.account.board import Board
from exporter.account.counter_totals import OTHERS
from exporter.account.roster import Roster


def decides_counters(roster: Roster, known: Set[str]) -> bool:
    """Return whether it may be decided which users have counters, given the `known` datasets."""
    return "users" in known or not roster.exclusion.needs_list


def without_undecided(board: Board, roster: Roster, own: Set[str]) -> Board:
    """Return the board without users who may be excluded. Teams and numbers include them.

    Before the list of users is fetched, only users in `own`, who had counters before, have counters. After
    that, those in `own` are not excluded: they had counters while the list contained them.
    """
    undecided, may_exclude = roster.undecided, roster.exclusion.may_exclude
    if undecided:
        board = replace(board, users=tuple(row for row in board.users if row.user.id not in undecided))
    if not decides_counters(roster, board.known):
        hidden: Set[str] = {id_ for id_ in _users(board) if id_ not in own or may_exclude(int(id_))}
    elif undecided:
        hidden = undecided - own
    else:
        return board
    shown = tuple(row for row in board.counters.users if row.user.id not in hidden)
    return replace(board, counters=replace(board.counters, users=shown))


def _users(board: Board) -> Set[str]:
    return {row.user.id for row in board.counters.users} - {"", OTHERS}
