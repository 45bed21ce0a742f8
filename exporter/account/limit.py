"""How many users have series of their own, where a company has more than anybody could look at.

Who is left out is left out of the rows by user only: teams, numbers and the queue count everybody, and the
counters of those left out stand under one name, so that the sums stay true.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from exporter.account.board import Board, UserCounters
from exporter.account.directory import Named
from exporter.account.totals import Sum

OTHERS = Named("others", "Other users")


def limited(board: Board) -> Board:
    """The same board, with rows for `user_limit` users and no more: for those who have been there longest."""
    counters, most = board.counters, board.settings.user_limit
    if len(board.users) <= most and len(counters.users) <= most:
        return board
    users = sorted(board.users, key=lambda row: int(row.user.id))
    present = {row.user.id for row in users[:most]}
    nobody = [row for row in counters.users if not row.user.id]
    counted = [row for row in counters.users if row.user.id]
    counted.sort(key=lambda row: (row.user.id not in present, int(row.user.id)))
    own, others = counted[:most], counted[most:]
    left_out = {row.user.id for row in users[most:]} | {row.user.id for row in others}
    summed = [_summed(others)] if others else []
    return replace(
        board,
        users=tuple(users[:most]),
        counters=replace(counters, users=(*nobody, *own, *summed)),
        left_out=len(left_out),
    )


def _summed(rows: Iterable[UserCounters]) -> UserCounters:
    calls: Counter[tuple[Named, str, str]] = Counter()
    answer, held, declined = Sum(), None, None
    talk: dict[str, Sum] = {}
    for row in rows:
        calls.update(row.calls)
        answer = _plus(answer, row.answer)
        for way, total in row.talk.items():
            talk[way] = _plus(total, talk.get(way))
        if row.declined is not None:
            declined = row.declined + (declined or 0)
        if row.held is not None:
            held = _plus(row.held, held)
    return UserCounters(OTHERS, dict(calls), answer, talk, declined, held)


def _plus(one: Sum, other: Sum | None) -> Sum:
    return one if other is None else Sum(one.count + other.count, one.seconds + other.seconds)
