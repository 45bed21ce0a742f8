"""Call-backs through changed rules, older exporters, deletions, erased callers and lost commits."""

from pathlib import Path
from typing import Any

import pytest

from exporter.account.call_backs import CallBackRules, CallBackTask
from exporter.account.records import Batch
from exporter.archive.database import ArchiveError
from exporter.archive.views import VIEWS
from tests.support.call_back_saving import (
    CALLED_BACK,
    CALLER,
    COUNTING,
    HOUR,
    RULES,
    START,
    Saving,
    answered,
    missed,
)
from tests.support.lost_archives import execute


def test_archive_of_an_older_exporter_lists_and_counts_from_the_last_day(
    saving: Saving, database: str, tmp_path: Path
) -> None:
    saving.save(missed(1, 100), answered(2, 300), missed(3, 50 * HOUR), now=50 * HOUR, complete_to=400)
    execute(
        database,
        *(f"DROP VIEW {view}" for view in VIEWS),
        "DROP TABLE call_backs",
        "DROP INDEX calls_by_caller_key",
        *(f"ALTER TABLE calls DROP COLUMN {column}" for column in ("caller_key", "archived", "call_back")),
        "DELETE FROM totals",
        "UPDATE state SET value = '{}' WHERE name = 'saved_last'",
    )
    saving.archive.close()
    upgraded = Saving(database, tmp_path)
    upgraded.save(now=51 * HOUR, complete_to=51 * HOUR)
    assert upgraded.open == {3}
    assert upgraded.totals == {}
    upgraded.save(answered(4, 51 * HOUR + 9), now=52 * HOUR, complete_to=52 * HOUR)
    assert upgraded.totals[CALLED_BACK] == 1


def test_callers_whom_an_older_exporter_has_archived_are_identified_at_the_next_start(
    saving: Saving, database: str, tmp_path: Path
) -> None:
    saving.save(missed(1, 100), missed(2, 110, "+33 2"), now=200, complete_to=150)
    execute(database, "UPDATE calls SET caller_key = NULL", "DELETE FROM call_backs")
    saving.archive.close()
    again = Saving(database, tmp_path)
    again.save(now=400, complete_to=300)
    assert again.open == {1, 2}
    again.save(answered(3, 450), now=600, complete_to=500)
    assert again.open == {2}
    assert again.totals[CALLED_BACK] == 1


def test_shorter_time_does_not_count_reached_callers_again(saving: Saving) -> None:
    saving.save(missed(1, 100), answered(2, 3 * HOUR), now=4 * HOUR, complete_to=4 * HOUR)
    short = CallBackRules(after=0, expire=HOUR, ignore_reasons=())
    saving.save(now=5 * HOUR, complete_to=5 * HOUR, rules=short)
    saving.save(now=6 * HOUR, complete_to=6 * HOUR, rules=short)
    assert saving.totals == {CALLED_BACK: 1} | {
        key: count for key, count in saving.totals.items() if key[0] != "call_backs"
    }


def test_calls_that_were_deleted_and_fetched_again_are_not_counted_again(saving: Saving) -> None:
    calls = missed(1, 100), answered(2, 300)
    saving.save(*calls, now=500, complete_to=400)
    saving.archive.purge_expired(START + 1000)
    saving.save(*calls, now=2000, complete_to=1900)
    assert saving.totals[CALLED_BACK] == 1


def test_caller_is_open_again_if_the_answered_call_is_deleted_at_aircall(saving: Saving) -> None:
    active = answered(2, 250, status="answered", ended_at=None)
    saving.save(missed(1, 100), active, now=300, complete_to=150)
    assert saving.open == set()
    task = CallBackTask(RULES, START + 400, frozenset("5"))
    saved = saving.archive.save(Batch(deleted_ids={2}, counting=COUNTING, call_backs=task))
    assert saved.call_backs is not None
    assert [each.call_id for each in saved.call_backs.added] == [1]


def test_first_start_counts_from_the_beginning_of_a_long_period(saving: Saving) -> None:
    saving.save(missed(1, 100), answered(2, 300), now=60 * HOUR, complete_to=60 * HOUR - 60)
    assert saving.totals[CALLED_BACK] == 1


def test_longer_time_identifies_earlier_callers_of_an_older_exporter(saving: Saving, database: str) -> None:
    saving.save(missed(1, 100), now=40 * HOUR, complete_to=40 * HOUR)
    execute(database, "UPDATE calls SET caller_key = NULL, call_back = NULL")
    longer = CallBackRules(after=0, expire=99 * HOUR, ignore_reasons=())
    saved = saving.save(now=41 * HOUR, complete_to=40 * HOUR, rules=longer)
    assert saved.call_backs is not None
    assert [(each.call_id, each.anonymous) for each in saved.call_backs.added] == [(1, False)]


def test_emptied_table_is_filled_again_at_the_next_start(
    saving: Saving, database: str, tmp_path: Path
) -> None:
    saving.save(missed(1, 100), missed(2, 100, "anonymous"), now=200, complete_to=150)
    execute(database, "DELETE FROM call_backs")
    saving.archive.close()
    again = Saving(database, tmp_path)
    again.save(now=300)
    assert again.open == {1, 2}


def test_erased_caller_has_no_call_back(saving: Saving) -> None:
    saving.save(missed(1, 100), missed(2, 100, "+33 2"), now=200, complete_to=150)
    saving.archive.erase(CALLER, START + 300)
    saving.save(missed(3, 400), now=500)
    saving.save(now=900)
    assert saving.open == {2}


def test_result_of_a_lost_commit_is_returned_with_the_next_batch(
    saving: Saving, monkeypatch: pytest.MonkeyPatch
) -> None:
    saving.save(missed(1, 100), now=200, complete_to=150)

    follow = saving.archive._call_backs.follow
    lost = Batch(
        {2: answered(2, 300)}, counting=COUNTING, call_backs=CallBackTask(RULES, START + 400, frozenset())
    )
    with monkeypatch.context() as patch:

        def fails_after(*arguments: Any) -> Any:
            follow(*arguments)
            raise ArchiveError("the connection was lost")

        patch.setattr(saving.archive._call_backs, "follow", fails_after)
        with pytest.raises(ArchiveError):
            saving.archive.save(lost)
    saved = saving.save(answered(2, 300), now=450, complete_to=400)
    assert saved.call_backs is not None and saved.call_backs.is_whole
    assert saving.open == set()
    assert saving.totals[CALLED_BACK] == 1
