"""Limit the users with rows and counters of their own.

Users beyond the limit have no row, but teams, numbers and the queue still include them. Their counters are
added up under one name, so that sums stay correct. `exporter.account.user_series` selects the users, and
never selects those who are excluded.
"""

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import replace

from exporter.account.board import Board, UserCounters
from exporter.account.counter_totals import OTHERS, Summary
from exporter.account.directory import NamedRef
from exporter.account.exclusion import Exclusion

OTHER_USERS = NamedRef(OTHERS, "Other users")
OTHER_NUMBERS = NamedRef(OTHERS, "Other numbers")
OTHER_TEAMS = NamedRef(OTHERS, "Other teams")


def apply_user_limit(board: Board, own: Set[str], exclusion: Exclusion) -> Board:
    """Return the board with rows for at most `user_limit` users, and counters for the users in `own`.

    Users with counters get rows first, then those with the lowest ids, who have existed longest. Users whom
    the `exclusion` or `teams` leaves out have no rows, and do not count as left out because of the limit.
    """
    counters, users, most = board.counters, board.users, board.settings.user_limit
    rest = [row for row in counters.users if row.user.id and row.user.id not in own]
    if len(users) <= most and not rest:
        return board
    if len(users) > most:  # sorted only if needed, because this takes long for many users
        users = tuple(sorted(users, key=lambda row: (row.user.id not in own, int(row.user.id))))
    with_rows, summed = {row.user.id for row in users}, {row.user.id for row in rest}
    left_out = {row.user.id for row in users[most:]} | (with_rows & summed)
    if rest:
        shown = (row for row in counters.users if not row.user.id or row.user.id in own)
        counters = replace(counters, users=(*shown, _summed(rest)))
    return replace(
        board,
        users=users[:most],
        counters=counters,
        dropped_users=sum(not exclusion.excludes(int(user)) for user in left_out),
    )


def _summed(rows: Sequence[UserCounters]) -> UserCounters:
    if len(rows) == 1 and rows[0].user == OTHER_USERS:
        return rows[0]  # its rendered lines are cached by identity
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
