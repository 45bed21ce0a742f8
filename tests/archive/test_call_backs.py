"""Call-backs in the archive: late calls, changed rules, archives of older exporters, and erased callers."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from exporter.account.call_backs import CallBackRules, CallBackTask
from exporter.account.records import Batch, CallRecord, Counting, SaveResult
from exporter.aircall.models import Call, CallDetails, Ref
from exporter.archive.caller_key_file import KeyFile
from exporter.archive.database import ArchiveError
from exporter.archive.store import Archive

START = 1_780_000_000
HOUR = 3600
CALLER = "+33 1 11 11 11 11"
RULES = CallBackRules(after=0, expire=24 * HOUR, ignore_reasons=("short_abandoned",))
COUNTING = Counting(START, START, certain=True)
CALLED_BACK, EXPIRED = ("call_backs", "5", "called_back"), ("call_backs", "5", "expired")


def missed(call_id: int, at: int, caller: str = CALLER, reason: str = "no_available_agent") -> CallRecord:
    call = Call(
        call_id,
        "inbound",
        "done",
        START + at,
        ended_at=START + at + 20,
        raw_digits=caller,
        number=Ref(5),
        missed_call_reason=reason,
    )
    return CallRecord(call, CallDetails(), "full")


def answered(call_id: int, at: int, **fields: Any) -> CallRecord:
    given: Any = {"status": "done", "ended_at": START + at + 60, "user": Ref(3), "number": Ref(5)} | fields
    call = Call(
        call_id, "outbound", started_at=START + at, answered_at=START + at + 9, raw_digits=CALLER, **given
    )
    return CallRecord(call, CallDetails(), "full")


class Saving:
    """An exporter that saves calls to an archive, and the open call-backs that it learns of."""

    def __init__(self, url: str, directory: Path) -> None:
        self.archive = Archive(url, KeyFile(directory / "caller.key", made_here=True))
        self.archive.load()
        self.open: set[int] = set()
        self.totals: dict[Any, int] = {}

    def save(
        self,
        *records: CallRecord,
        now: int,
        complete_to: int | None = None,
        rules: CallBackRules = RULES,
        numbers: Iterable[str] = ("5",),
    ) -> SaveResult:
        task = CallBackTask(rules, START + now, frozenset(numbers))
        end = None if complete_to is None else START + complete_to
        saved = self.archive.save(
            Batch(
                {record.call.id: record for record in records},
                counting=COUNTING,
                call_backs=task,
                complete_to=end,
            )
        )
        if changes := saved.call_backs:
            self.open = (set() if changes.is_whole else self.open - changes.removed) | {
                each.call_id for each in changes.added
            }
        self.totals |= saved.totals
        return saved


@pytest.fixture
def saving(database: str, tmp_path: Path) -> Saving:
    return Saving(database, tmp_path)


def test_caller_is_open_until_a_call_to_them_is_answered(saving: Saving) -> None:
    saving.save(missed(1, 100), now=200, complete_to=150)
    assert saving.open == {1}
    active = answered(2, 250, status="answered", ended_at=None)
    saving.save(active, now=300, complete_to=150)
    assert saving.open == set()
    assert saving.totals == {}
    saving.save(answered(2, 250), now=400, complete_to=300)
    assert saving.totals[CALLED_BACK] == 1
    assert saving.totals["call_back_sum", "5"] == 259 - 120


def test_answer_is_not_counted_before_all_calls_up_to_it_are_known(saving: Saving) -> None:
    saving.save(missed(2, 200), answered(3, 300), now=400, complete_to=100)
    assert saving.totals == {}
    saving.save(missed(1, 150), now=500, complete_to=400)
    assert saving.totals[CALLED_BACK] == 1
    assert saving.totals["call_back_sum", "5"] == 309 - 170


def test_missed_call_that_arrives_late_counts_the_answer_after_it_once(saving: Saving) -> None:
    saving.save(answered(2, 300), now=500, complete_to=400)
    assert saving.totals == {}
    for _ in range(2):
        saving.save(missed(1, 100), now=600, complete_to=500)
        assert saving.totals[CALLED_BACK] == 1
        assert saving.open == set()


def test_answer_that_arrives_late_ends_the_call_back(saving: Saving) -> None:
    saving.save(missed(1, 100), now=500, complete_to=400)
    assert saving.open == {1}
    saving.save(answered(2, 300), now=600, complete_to=500)
    assert saving.open == set()
    assert saving.totals[CALLED_BACK] == 1


def test_expired_call_back_is_counted_once_all_calls_are_known(saving: Saving) -> None:
    day = 24 * HOUR
    saving.save(missed(1, 100), now=200, complete_to=150)
    saving.save(now=day + 150, complete_to=day + 50)
    assert saving.open == set()
    assert EXPIRED not in saving.totals
    saving.save(now=day + 200, complete_to=day + 100)
    saving.save(now=day + 300, complete_to=day + 200)
    assert saving.totals[EXPIRED] == 1


def test_changed_rules_apply_to_all_open_callers(saving: Saving) -> None:
    saving.save(
        missed(1, 100),
        missed(2, 5 * HOUR, "+33 2", "short_abandoned"),
        now=6 * HOUR,
        complete_to=6 * HOUR,
    )
    assert saving.open == {1}
    all_reasons = CallBackRules(after=0, expire=2 * HOUR, ignore_reasons=())
    saving.save(now=6 * HOUR + 9, complete_to=6 * HOUR + 1, rules=all_reasons)
    assert saving.open == {2}
    assert saving.totals[EXPIRED] == 1
    saving.save(now=6 * HOUR + 99, complete_to=6 * HOUR + 9)
    assert saving.open == set()
    assert saving.totals[EXPIRED] == 1


@pytest.mark.parametrize("shown", ["full", "masked", "hidden"])
def test_caller_is_the_same_with_any_setting(saving: Saving, shown: Any) -> None:
    hidden = missed(1, 100)
    saving.save(CallRecord(hidden.call, hidden.details, shown), now=200, complete_to=150)
    saving.save(answered(2, 300), now=500, complete_to=400)
    assert saving.totals[CALLED_BACK] == 1


def test_call_that_an_ai_agent_answers_ends_nothing(saving: Saving) -> None:
    saving.save(missed(1, 100), now=200, complete_to=150)
    saving.save(answered(2, 300, status="answered", ended_at=None, user=None), now=500, complete_to=400)
    assert saving.open == {1}


def test_anonymous_caller_is_open_alone_until_expired(saving: Saving) -> None:
    saving.save(missed(1, 100, "anonymous"), missed(2, 110, "anonymous"), now=200, complete_to=150)
    assert saving.open == {1, 2}
    saving.save(now=24 * HOUR + 105, complete_to=24 * HOUR)
    assert saving.open == {2}
    assert saving.totals == {}


def test_archived_voicemail_no_longer_waits(saving: Saving) -> None:
    left = missed(1, 100)
    voicemail = CallDetails(voicemail="https://example.com/1.mp3")
    (row,) = saving.save(CallRecord(left.call, voicemail, "full"), now=200).call_backs.added  # type: ignore[union-attr]
    assert row.voicemail
    archived = CallDetails(voicemail="https://example.com/1.mp3", archived=True)
    (row,) = saving.save(CallRecord(left.call, archived, "full"), now=300).call_backs.added  # type: ignore[union-attr]
    assert not row.voicemail


def test_number_without_series_of_its_own_counts_under_others(saving: Saving) -> None:
    saving.save(missed(1, 100), answered(2, 300), now=500, complete_to=400, numbers=())
    assert saving.totals["call_backs", "others", "called_back"] == 1


def test_archive_of_an_older_exporter_lists_and_counts_from_the_last_day(
    saving: Saving, database: str, tmp_path: Path
) -> None:
    saving.save(missed(1, 100), answered(2, 300), missed(3, 50 * HOUR), now=50 * HOUR, complete_to=400)
    engine = create_engine(database)
    with engine.begin() as connection:
        for view in ("call_history", "call_back_list"):
            connection.execute(text(f"DROP VIEW {view}"))
        connection.execute(text("DROP TABLE call_backs"))
        connection.execute(text("DROP INDEX calls_by_caller_key"))
        for column in ("caller_key", "archived", "call_back"):
            connection.execute(text(f"ALTER TABLE calls DROP COLUMN {column}"))
        connection.execute(text("DELETE FROM totals"))
        connection.execute(text("UPDATE state SET value = '{}' WHERE name = 'saved_last'"))
    engine.dispose()
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
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(text("UPDATE calls SET caller_key = NULL"))
        connection.execute(text("DELETE FROM call_backs"))
    engine.dispose()
    saving.archive.close()
    again = Saving(database, tmp_path)
    again.save(now=400, complete_to=300)
    assert again.open == {1, 2}
    again.save(answered(3, 450), now=600, complete_to=500)
    assert again.open == {2}
    assert again.totals[CALLED_BACK] == 1


def test_clock_that_was_ahead_expires_nothing_early(saving: Saving) -> None:
    saving.save(missed(1, 100), now=200, complete_to=150)
    saving.save(now=20 * HOUR, complete_to=40 * HOUR)
    saving.save(now=21 * HOUR, complete_to=21 * HOUR)
    assert saving.open == {1}
    assert EXPIRED not in saving.totals


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
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(text("UPDATE calls SET caller_key = NULL, call_back = NULL"))
    engine.dispose()
    longer = CallBackRules(after=0, expire=99 * HOUR, ignore_reasons=())
    saved = saving.save(now=41 * HOUR, complete_to=40 * HOUR, rules=longer)
    assert saved.call_backs is not None
    assert [(each.call_id, each.anonymous) for each in saved.call_backs.added] == [(1, False)]


def test_emptied_table_is_filled_again_at_the_next_start(
    saving: Saving, database: str, tmp_path: Path
) -> None:
    saving.save(missed(1, 100), missed(2, 100, "anonymous"), now=200, complete_to=150)
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM call_backs"))
    engine.dispose()
    saving.archive.close()
    again = Saving(database, tmp_path)
    again.save(now=300)
    assert again.open == {1, 2}


@pytest.mark.parametrize("caller", ["Restricted", "sip:anonymous@anonymous.invalid", "+", "Private"])
def test_other_spellings_of_an_anonymous_caller_are_anonymous(saving: Saving, caller: str) -> None:
    (row,) = saving.save(missed(1, 100, caller), now=200).call_backs.added  # type: ignore[union-attr]
    assert row.anonymous


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
