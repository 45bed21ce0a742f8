"""Test that a stricter setting masks or hides the callers of saved calls."""

import math
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, text
from structlog.testing import capture_logs

from exporter.account.caller_masking import format_caller
from exporter.account.records import Batch, CallRecord
from exporter.aircall.models import Call, CallDetails, Comment, Tag
from exporter.archive import masking
from exporter.archive.caller_identity import identity, is_masked
from exporter.archive.caller_key_file import key_file
from exporter.archive.criteria import Criteria
from exporter.archive.database import sqlite_url
from exporter.archive.store import Archive
from exporter.config.settings import Caller
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, polled
from tests.support.archive_contents import digits, found_in, rows, tables
from tests.support.archive_with_visibility import ArchiveWithVisibility


@pytest.fixture(params=["masked", "hidden"])
def protected(request: pytest.FixtureRequest, database: str, tmp_path: Path) -> ArchiveWithVisibility:
    return ArchiveWithVisibility(database, tmp_path, request.param)


NUMBERS = (
    "+33 1 22 33 44 55",
    "0033 (0)1-22.33",
    "112",
    "anonymous",
    None,
    "sip:ada@example.com",
    "+1 (555) 01",
    "*31#+33 1 22 33 44 66",
    "*4567",
    "sip:john2@example.com",
)


def records(shown: Caller) -> dict[int, CallRecord]:
    """Return calls with all kinds of callers, with tags and comments."""
    details = CallDetails(
        tags=(Tag("VIP"), Tag("Größe")), comments=(Comment("called  back"), Comment("twice"))
    )
    return {
        id_: CallRecord(Call(id_, "inbound", "done", int(NOON), raw_digits=number), details, shown)
        for id_, number in enumerate(NUMBERS * 3)
    }


def saved(database: str, directory: Path, *shown: Caller) -> Archive:
    """Return an archive in which the same calls were saved with each visibility of callers."""
    archive = Archive(database, key_file("", str(directory)))
    archive.load()
    for each in shown:
        archive.save(Batch(records=records(each)))
    return archive


def hide(archive: Archive, visibility: Caller) -> tuple[int, int]:
    """Mask all calls. Returns the number of batches, and the number of changed calls."""
    for piece in range(100):
        left, changed = archive.hide(visibility)
        if not left:
            return piece, changed
    raise AssertionError("calls are left after 100 batches")


@pytest.mark.parametrize(("before", "after"), [("full", "masked"), ("full", "hidden"), ("masked", "hidden")])
def test_hide_of_saved_calls_equals_saving_them_hidden(
    new_database: Callable[[], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    before: Caller,
    after: Caller,
) -> None:
    monkeypatch.setattr(masking, "BATCH_SIZE", 4)
    database, strict = new_database(), new_database()
    archive = saved(database, tmp_path, before)
    saved(strict, tmp_path, after)
    pieces, changed = hide(archive, after)
    assert pieces == math.ceil(len(NUMBERS) * 3 / 4)
    assert 0 < changed <= len(NUMBERS) * 3
    assert tables(database)["calls"] == tables(strict)["calls"]
    assert hide(archive, after) == hide(archive, before) == (0, 0)
    assert tables(database)["calls"] == tables(strict)["calls"]


def test_hide_interrupted_by_calls_saved_in_full_hides_them_too(
    new_database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(masking, "BATCH_SIZE", 4)
    database, strict = new_database(), new_database()
    archive = saved(database, tmp_path, "full")
    saved(strict, tmp_path, "masked")
    for _ in range(4):
        archive.hide("masked")
    archive.save(Batch(records=records("full")))
    hide(archive, "masked")
    assert tables(database)["calls"] == tables(strict)["calls"]


def test_hide_with_a_less_strict_setting_keeps_hidden_callers_hidden(database: str, tmp_path: Path) -> None:
    archive = saved(database, tmp_path, "hidden")
    hide(archive, "hidden")
    hidden = tables(database)["calls"]
    new = {id_ + 1000: record for id_, record in records("full").items()}
    archive.save(Batch(records={id_: with_id(record, id_) for id_, record in new.items()}))
    hide(archive, "masked")
    assert tables(database)["calls"][: len(hidden)] == hidden
    assert {row.caller for row in tables(database)["calls"][len(hidden) :]} == {
        format_caller(number, "masked") for number in NUMBERS
    }


def with_id(record: CallRecord, id_: int) -> CallRecord:
    return CallRecord(msgspec.structs.replace(record.call, id=id_), record.details, record.shown)


def test_start_with_a_stricter_setting_leaves_no_number_in_the_file(tmp_path: Path) -> None:
    database = sqlite_url(str(tmp_path))
    protected = ArchiveWithVisibility(database, tmp_path, "full")
    written = {call.raw_digits for call in protected.account.calls.values()} - {"anonymous"}
    assert found_in(tmp_path, written) == written
    with (
        capture_logs() as logs,
        polled(protected.account, archive=Archive(database, protected.key_file), caller="masked") as world,
    ):
        world.live(30)
        assert found_in(tmp_path, written) == set()
    masked = [line for line in logs if line["event"] == "archived callers masked"]
    assert [line["caller"] for line in masked] == ["masked"]
    assert protected.search(min(written & {call.raw_digits for call in protected.calls}))


def test_a_stricter_start_masks_and_forgets_a_number_with_a_literal_star(tmp_path: Path) -> None:
    database, keys = sqlite_url(str(tmp_path)), key_file("", str(tmp_path))
    account, caller = SimulatedAccount(users=2, calls_per_hour=0, start=NOON), "*31#+33 1 22 33 44 55"
    old = NOON - 6 * 3600  # so that the second start does not fetch it again
    call = account.ring_in(next(iter(account.numbers)), caller, at=old)
    account.miss(call.id, "short_abandoned", at=old + 5)
    for how, expected in (("full", caller), ("masked", "***")):
        with polled(account, archive=Archive(database, keys), caller=how) as world:
            world.live_until_complete()
            world.live(120)
        assert [row.caller for row in rows(database)] == [expected]
    assert found_in(tmp_path, {caller}) == set()
    archive = Archive(database, keys)
    criteria = Criteria(int(old), int(NOON), callers=(caller,))
    assert [found.id for found in archive.search(criteria)] == [call.id]
    assert archive.erase(caller, 0) == 1
    assert [row.caller for row in rows(database)] == ["forgotten"]


def test_an_archive_that_an_earlier_version_masked_in_part_is_masked_again(
    database: str, tmp_path: Path
) -> None:
    """Version 3 of the tables is the same, but the note of what is masked has another name."""
    archive = saved(database, tmp_path, "full")
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM state WHERE name LIKE 'callers%'"))
        connection.execute(text("INSERT INTO state VALUES ('callers', '{\"shown\": \"masked\"}')"))
    engine.dispose()
    hide(archive, "masked")
    assert {row.caller for row in rows(database)} == {format_caller(number, "masked") for number in NUMBERS}


CALLERS = st.text("*#+-() ./0123456789", max_size=16) | st.text(max_size=8) | st.sampled_from(NUMBERS[:4])


@given(CALLERS)
def test_a_masked_caller_is_told_from_one_with_a_literal_star(caller: str) -> None:
    masked = format_caller(caller, "masked")
    assert masked in (caller, "unknown") or is_masked(masked)
    if is_masked(caller):
        assert len(digits(caller)) <= 3  # nothing is left to mask


@given(CALLERS, CALLERS)
def test_two_callers_are_equal_by_their_digits_only_if_neither_has_letters(one: str, other: str) -> None:
    for each in (one, other):
        assert identity(each) == identity(f" {each.upper()} ".replace("\x00", "")) or not each.isascii()
    if any(map(str.isalpha, one)) and identity(one) == identity(other) != "":
        assert any(map(str.isalpha, other))
