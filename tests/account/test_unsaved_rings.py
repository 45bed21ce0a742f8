"""Tests that ring attempts are submitted until the archive has them."""

import pytest

from exporter.account import unsaved_rings
from exporter.account.records import CountedCall
from exporter.account.unsaved_rings import UnsavedRings
from exporter.aircall.models import Call

START = 1_780_000_000


def addition(call_id: int) -> CountedCall:
    call = Call(call_id, "inbound", "done", START, ended_at=START + 60)
    return CountedCall(call, "ring_attempts", ((("ring_attempts", "5", "missed"), 1),))


def rings_of(*call_ids: int) -> UnsavedRings:
    rings = UnsavedRings()
    for call_id in call_ids:
        rings.add(addition(call_id))
    return rings


def taken(rings: UnsavedRings) -> list[int]:
    return [added.call.id for added in rings.take()]


def test_rings_are_submitted_once_unless_they_are_taken_back() -> None:
    rings = rings_of(1, 2)
    submitted = rings.take()
    assert not taken(rings)
    rings.add(addition(3))
    rings.taken_back(submitted)
    assert taken(rings) == [1, 2, 3]
    assert not taken(rings)


def test_rings_that_are_not_saved_are_submitted_again_after_a_replacement() -> None:
    rings = rings_of(1, 2)
    rings.take()
    rings.add(addition(3))
    rings.saved([1])
    rings.submit_again()
    assert taken(rings) == [2, 3]
    rings.saved([2, 3])
    rings.submit_again()
    assert not taken(rings)


def test_rings_that_are_never_saved_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unsaved_rings, "MAX_CALLS", 2)
    rings = rings_of(1, 2, 3)
    assert taken(rings) == [1, 2]
    rings.add(addition(4))
    assert taken(rings) == [4]
    rings.submit_again()
    assert taken(rings) == [2, 4]
