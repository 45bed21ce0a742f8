"""Test the after-call work of a report, which follows from the archived steps of calls."""

from collections.abc import Iterable

import pytest

from exporter.account.recorded_steps import CallStep
from exporter.account.records import Batch, CallRecord
from exporter.aircall.models import Call, CallDetails, Ref
from exporter.archive.store import Archive
from exporter.config.settings import Settings, Today
from exporter.report.parameters import parse_request
from exporter.report.rows import ReportRow, report

START = 1_780_000_000
ENDED = START + 70


def wrapping_up(call_id: int, user_id: int, begin: int | None, end: int | None) -> Iterable[CallStep]:
    """Return the steps of a user's after-call work. Begin and end are seconds after the end of the call."""
    for name, at in (("wrap_up", begin), ("wrapped_up", end)):
        if at is not None:
            yield CallStep(call_id, ENDED + at, name, user_id)


def saved(archive: Archive, *works: tuple[int, int, int | None, int | None], calls: int) -> ReportRow:
    """Save calls that last a minute, each answered by user 1, and return the company's row."""
    answered = [
        Call(id_, "inbound", "done", START, START + 10, ENDED, user=Ref(1)) for id_ in range(1, calls + 1)
    ]
    records = {call.id: CallRecord(call, CallDetails(), "full") for call in answered}
    archive.save(Batch(records=records, steps=tuple(step for work in works for step in wrapping_up(*work))))
    request = parse_request({"from": [str(START)], "to": [str(START + 99)]}, ENDED, Today("00:00", "UTC"))
    with archive.searching() as connection:
        (row,) = report(connection, Settings(), request).rows
    return row


def test_report_adds_known_after_call_work_to_the_handle_time(archive: Archive) -> None:
    row = saved(archive, (1, 1, 0, 15), (1, 2, 30, 45), (2, 1, 2, 2), calls=3)
    assert row.average_after_call_work_seconds == 15
    assert row.average_handle_seconds == 60 + 30 / 3


@pytest.mark.parametrize(
    "works",
    [(), ((1, 1, 0, None),), ((1, 1, None, 20),), ((1, 1, 0, 15), (1, 2, 5, None))],
    ids=["no event", "only the start", "only the end", "one user of two"],
)
def test_report_leaves_out_after_call_work_that_is_not_known_completely(
    archive: Archive, works: tuple[tuple[int, int, int | None, int | None], ...]
) -> None:
    row = saved(archive, *works, calls=1)
    assert (row.average_after_call_work_seconds, row.average_handle_seconds) == (None, 60)
