"""Tests of the limits on users and numbers that calls name, but no list."""

import pytest

from exporter.account import archiving, id_limits
from exporter.account.account import Account
from exporter.account.records import DoneCalls, LoadedState, SaveResult
from exporter.aircall.models import Call, Number, Ref, User
from exporter.config.settings import Settings

LIMIT = 2


@pytest.fixture(autouse=True)
def few_unlisted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Accept only a few unlisted ids."""
    monkeypatch.setattr(id_limits, "MAX_UNLISTED", LIMIT)


def call(id_: int) -> Call:
    """Return a done call of a user and on a number, each with the id of the call."""
    return Call(id_, "outbound", "done", 100, 101, 103, user=Ref(id_), number=Ref(id_))


def test_archived_calls_of_named_users_and_numbers_do_not_use_the_limit_of_unlisted_ones() -> None:
    account, ids = Account(Settings()), range(1, 10)
    names = {(kind, str(id_)): f"{kind} {id_}" for kind in ("user", "number") for id_ in ids}
    archiving.restore(account, LoadedState(names=names))
    archived = DoneCalls(0, tuple(map(call, (*ids, 21, 22, 23))))
    archiving.batch_saved(account, SaveResult((), {}, of_day=archived), None)
    assert account.today.users.keys() == account.today.numbers.keys() == {*ids, 21, 22}
    assert account.limits["call_users"] == account.limits["call_numbers"] == 1


def test_ids_that_are_listed_after_their_calls_leave_room_for_unlisted_ones() -> None:
    account = Account(Settings())
    for id_ in (1, 2, 3):
        account.put_into_periods(call(id_))
    for id_ in (1, 2):
        account.directory.add_user(User(id_))
        account.directory.add_number(Number(id_))
    for id_ in (4, 5, 6):
        account.put_into_periods(call(id_))
    assert account.today.users.keys() == account.today.numbers.keys() == {1, 2, 4, 5}
    assert account.limits["call_users"] == account.limits["call_numbers"] == 2
