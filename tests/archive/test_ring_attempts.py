"""Tests that the archive adds the ring attempts of each call once."""

from exporter.account.records import Batch, CountedCall
from exporter.aircall.models import Call
from exporter.archive.store import Archive

START = 1_780_000_000
KEY = ("ring_attempts", "5", "missed")


def rang(*call_ids: int) -> Batch:
    """Return a batch with a missed ring of each call."""
    calls = (Call(id_, "inbound", "done", START, ended_at=START + 60) for id_ in call_ids)
    return Batch(counted_calls=[CountedCall(call, "ring_attempts", ((KEY, 1),)) for call in calls])


def test_save_ring_attempts_again_adds_them_once(database: str) -> None:
    archive = Archive(database)
    archive.load()
    assert archive.save(rang(1, 2)).totals == {KEY: 2}
    again = archive.save(rang(2, 3))
    assert again.totals == {KEY: 3}
    assert [addition.call.id for addition in again.additions] == [3]


def test_load_after_the_exporter_is_killed_has_the_ring_attempts_and_their_calls(database: str) -> None:
    killed = Archive(database)
    killed.load()
    killed.save(rang(1))
    archive = Archive(database)
    assert dict(archive.load().totals) == {KEY: 1}
    assert archive.save(rang(1)).totals == {KEY: 1}


def test_save_ring_attempts_of_many_calls_remembers_all_of_the_last_transaction(database: str) -> None:
    archive = Archive(database)
    archive.load()
    for _ in range(2):
        assert archive.save(rang(*range(1, 3001))).totals == {KEY: 3000}
