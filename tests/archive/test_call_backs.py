"""Call-backs in the archive: who is open, and which call-backs are counted."""

from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from exporter.account.call_backs import CallBackRules
from exporter.account.records import CallRecord
from exporter.aircall.models import CallDetails
from tests.support.call_back_saving import (
    CALLED_BACK,
    EXPIRED,
    HOUR,
    Saving,
    answered,
    missed,
)


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


def test_call_back_with_a_later_call_in_progress_does_not_expire(saving: Saving) -> None:
    day = 24 * HOUR
    waiting = missed(2, day + 95)
    waiting = replace(waiting, call=structs.replace(waiting.call, status="initial", ended_at=None))
    saving.save(missed(1, 100), now=200, complete_to=150)
    saving.save(waiting, now=day + 98, complete_to=day + 80)
    saving.save(now=day + 160, complete_to=day + 150)  # as after a restart that has not fetched it again
    assert saving.totals == {}
    saving.save(missed(2, day + 95), now=day + 200, complete_to=day + 190)
    assert saving.totals == {}
    saving.save(now=2 * day + 200, complete_to=2 * day + 190)
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


def test_clock_that_was_ahead_expires_nothing_early(saving: Saving) -> None:
    saving.save(missed(1, 100), now=200, complete_to=150)
    saving.save(now=20 * HOUR, complete_to=40 * HOUR)
    saving.save(now=21 * HOUR, complete_to=21 * HOUR)
    assert saving.open == {1}
    assert EXPIRED not in saving.totals


@pytest.mark.parametrize("caller", ["Restricted", "sip:anonymous@anonymous.invalid", "+", "Private"])
def test_other_spellings_of_an_anonymous_caller_are_anonymous(saving: Saving, caller: str) -> None:
    (row,) = saving.save(missed(1, 100, caller), now=200).call_backs.added  # type: ignore[union-attr]
    assert row.anonymous
