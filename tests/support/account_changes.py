"""Random changes of an account, for properties."""

from collections.abc import Callable

from hypothesis import strategies as st

from exporter.account import archiving
from exporter.account.account import Account
from exporter.account.board import Board
from exporter.account.current_board import current_board
from exporter.account.records import LoadedState, SaveResult
from exporter.account.removal_detector import Listed
from exporter.aircall.models import Availability, Call, CallDetails, CallWithDetails, Number, Page, Ref, User
from exporter.config.settings import Group, Settings
from exporter.durations import Duration

ids = st.integers(1, 4)
Event = Callable[[Account], object]
START = 1_780_000_000


SETTINGS = Settings(sla=Duration(10), groups=(Group(name="Desk", users=(1, "user 3"), numbers=(2,)),))


def page(items):
    return Page(tuple(items), 0, frozenset(getattr(item, "id", 0) for item in items), None)


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """Draw a call in any phase. There are few ids, so that calls are also changed."""
    started_at = START + draw(st.integers(-1000, 100))
    answered_at = draw(st.none() | st.integers(0, 40).map(lambda wait: started_at + wait))
    ended_at = draw(st.none() | st.integers(0, 500).map(lambda length: (answered_at or started_at) + length))
    missed = ended_at is not None and answered_at is None
    return Call(
        id=draw(st.integers(1, 4)),
        direction=draw(st.sampled_from(["inbound", "outbound"])),
        status="done" if ended_at else "answered" if answered_at else "initial",
        started_at=started_at,
        answered_at=answered_at,
        ended_at=ended_at,
        missed_call_reason=draw(st.sampled_from([None, "abandoned_in_ivr", "new"])) if missed else None,
        raw_digits=draw(st.sampled_from(["+33 6 11 11 33 33", "anonymous"])),
        user=draw(st.none() | ids.map(Ref)),
        number=draw(st.none() | ids.map(Ref)),
    )


def read_users(found: set[int]) -> Event:
    def event(account: Account) -> None:
        account.reference_data.apply_users_page(page([User(id_, f"User {id_}") for id_ in found]))
        account.reference_data.finish_users(Listed(found, START))

    return event


def read_teams(members: dict[int, frozenset[int]]) -> Event:
    def event(account: Account) -> None:
        for team_id, users in members.items():
            account.directory.add_team(team_id, f"Team {team_id}", users)
        account.reference_data.finish_teams(Listed(set(members), START))

    return event


def read_numbers(found: set[int]) -> Event:
    def event(account: Account) -> None:
        numbers = page([Number(id_, f"Number {id_}") for id_ in found])
        account.reference_data.apply_numbers_page(numbers, START)
        account.reference_data.finish_numbers(Listed(found, START))

    return event


def read_availabilities(availabilities: dict[int, str], at: int, whole: bool) -> Event:
    def event(account: Account) -> None:
        account.reference_data.apply_availabilities_page(
            page([Availability(*pair) for pair in availabilities.items()]), START + at
        )
        if whole:
            account.reference_data.finish_availabilities(Listed(set(availabilities), START + at))

    return event


def read_calls(found: list[Call]) -> Event:
    def event(account: Account) -> None:
        account.apply_call_page(page([CallWithDetails(call, CallDetails()) for call in found]), START)
        account.mark_calls_fetched(START - 900, START)

    return event


def saved(account: Account) -> None:
    """Save a batch of the account, and add its counts to the totals as the archive does."""
    assert isinstance(account, Counting)
    batch, totals = archiving.take_batch(account), account.archived
    for addition in batch.counted_calls:
        for key, count in addition.increments:
            totals[key] = totals.get(key, 0) + count
    changed = {key: totals[key] for addition in batch.counted_calls for key, _ in addition.increments}
    before = current_board(account, 0.0)
    result = SaveResult(tuple(batch.counted_calls), changed, ring_attempts=batch.ring_attempts)
    if not archiving.batch_saved(account, result, batch.progress):
        assert current_board(account, 0.0) == before


class Counting(Account):
    """An account with the totals that an archive would have."""

    def __init__(self) -> None:
        super().__init__(SETTINGS)
        self.archived: dict = {}
        archiving.restore(self, LoadedState())
        self.ledger.counted_from = START - 900
        self.advance_to(START)


def shown(board: Board) -> list[object]:
    """Return the parts of a board, with its counters in any order."""
    counters = board.counters
    return [
        board.users,
        board.teams,
        board.numbers,
        board.queue,
        {row.user: row for row in counters.users},
        {row.number: row for row in counters.numbers},
        {row.team: row for row in counters.teams},
        board.malformed,
    ]


KNOWN: list[Event] = [
    read_users({1, 2, 3}),
    read_teams({1: frozenset({1, 2}), 2: frozenset({2, 4})}),
    read_numbers({1, 2, 3}),
    lambda account: account.reference_data.apply_assignments(
        {1: frozenset({1, 2}), 2: frozenset({2, 3})}, frozenset({1, 2, 3}), frozenset({1, 2, 3}), START
    ),
    read_availabilities({1: "available", 2: "in_call"}, 0, True),
    read_calls([]),
    saved,
]
