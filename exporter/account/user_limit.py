"""Limit the users with rows and counters of their own.

Users beyond the limit have no row, but teams, numbers and the queue still include them. Their counters are
added up under one name, so that sums stay correct. `exporter.account.shares` selects the users. The counters
of excluded users are added up alike.
"""

from collections import Counter
from collections.abc import Iterable, Set
from dataclasses import replace

from exporter.account.board import Board, UserCounters
from exporter.account.counter_totals import OTHERS, Summary
from exporter.account.directory import NamedRef

OTHER_USERS = NamedRef(OTHERS, "Other users")
OTHER_NUMBERS = NamedRef(OTHERS, "Other numbers")
OTHER_TEAMS = NamedRef(OTHERS, "Other teams")


def apply_user_limit(board: Board, own: Set[str], excluded: Set[str]) -> Board:
    """Return the board with rows for at most `user_limit` users, and counters for the users in `own`.

    Users with counters get rows first, then those with the lowest ids, who have existed longest. Users in
    `excluded` get none.
    """
    counters, most = board.counters, board.settings.user_limit
    own = own - excluded
    if (
        not excluded
        and len(board.users) <= most
        and len(own) < most
        and all(row.user != OTHER_USERS for row in counters.users)
    ):
        return board
    users = sorted(board.users, key=lambda row: (row.user.id not in own, int(row.user.id)))
    shown = [row for row in counters.users if not row.user.id or row.user.id in own]
    rest = [row for row in counters.users if row.user.id and row.user.id not in own]
    left_out = {row.user.id for row in users[most:]} | {row.user.id for row in rest}
    return replace(
        board,
        users=tuple(users[:most]),
        counters=replace(counters, users=(*shown, *([_summed(rest)] if rest else ()))),
        dropped_users=len(left_out - excluded - {OTHERS}),
    )


def _summed(rows: Iterable[UserCounters]) -> UserCounters:
    calls: Counter[tuple[NamedRef, str, str]] = Counter()
    attempts: Counter[str] = Counter()
    answer, held = Summary(), None
    talk: dict[str, Summary] = {}
    for row in rows:
        calls.update(row.calls)
        answer = _plus(answer, row.answer)
        for direction, total in row.talk.items():
            talk[direction] = _plus(total, talk.get(direction))
        attempts.update(row.ring_attempts)
        if row.held is not None:
            held = _plus(row.held, held)
    return UserCounters(OTHER_USERS, dict(calls), answer, talk, dict(attempts), held)


def _plus(one: Summary, other: Summary | None) -> Summary:
    return one if other is None else Summary(one.count + other.count, one.seconds + other.seconds)
