"""Test the share of callers who call again: a report equals a plain recount."""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import create_engine, text

from exporter.account.records import Batch, CallRecord
from exporter.aircall.models import Call, CallDetails, Ref, Tag
from exporter.archive.caller_key_file import KeyFile
from exporter.archive.reported_calls import Repeat
from exporter.archive.store import Archive
from exporter.config.settings import Caller, Settings, Today
from exporter.report.parameters import parse_request
from exporter.report.repeats import DAY_S, WEEK_S, Repeats
from exporter.report.rows import ReportRow, report
from harness.board_sql import asked, filled, statement
from harness.postgres import Postgres

START, DAYS = 1_780_000_000, 21
END = START + DAYS * DAY_S
TAGS = ("VIP", "Refund")
CALLERS = ("anonymous", *(f"+33 1 00 00 00 {caller}" for caller in range(10, 50)))


def company(shown: Caller = "full") -> list[CallRecord]:
    """Return calls of three weeks, in which few callers call often."""
    random = Random(3)

    def call(id_: int) -> Call:
        started_at = START + random.randrange(DAYS * DAY_S)
        return Call(
            id_,
            random.choice(("inbound", "inbound", "outbound")),
            "done",
            started_at,
            started_at + 5 if random.random() < 0.7 else None,
            started_at + random.choice((5, 60, 3600)),
            raw_digits=random.choice(CALLERS),
            number=Ref(random.choice((1, 2))),
        )

    def details() -> CallDetails:
        return CallDetails(tags=tuple(Tag(tag) for tag in TAGS if random.random() < 0.3))

    return [CallRecord(call(id_), details(), shown) for id_ in range(1, 301)]


def recounted(
    records: list[CallRecord], within: int, is_counted: Callable[[CallRecord], bool] = lambda _: True
) -> float:
    """Return the share of answered inbound calls whose caller called again in time."""
    calls = [record.call for record in records]
    newest = max(call.started_at for call in calls)
    found = []
    for record in filter(is_counted, records):
        call = record.call
        assert call.ended_at is not None
        is_answered = call.direction == "inbound" and call.answered_at is not None
        if is_answered and call.raw_digits != "anonymous" and newest - call.ended_at >= within:
            found.append(
                any(
                    later.direction == "inbound"
                    and later.id != call.id
                    and later.raw_digits == call.raw_digits
                    and call.ended_at <= later.started_at <= call.ended_at + within
                    for later in calls
                )
            )
    return sum(found) / len(found)


@pytest.fixture
def archive(database: str, tmp_path: Path) -> Iterator[Archive]:
    archive = Archive(database, KeyFile(tmp_path / "caller.key", made_here=True))
    archive.load()
    yield archive
    archive.close()


def save(archive: Archive, records: list[CallRecord]) -> None:
    archive.save(Batch(records={record.call.id: record for record in records}))


def rows(archive: Archive, by: str) -> dict[str, ReportRow]:
    """Return the rows of a report by id."""
    given = {"from": [str(START)], "to": [str(END)], "by": [by]}
    request = parse_request(given, END, Today("00:00", "UTC"))
    with archive.searching() as connection:
        return {row.id: row for row in report(connection, Settings(), request).rows}


@pytest.mark.parametrize("shown", ["full", "hidden"])
def test_report_has_the_share_of_callers_who_call_again(archive: Archive, shown: Caller) -> None:
    records = company(shown)
    save(archive, records)
    row = rows(archive, "company")[""]
    assert row.called_again_day == pytest.approx(recounted(records, DAY_S))
    assert row.called_again_week == pytest.approx(recounted(records, WEEK_S))
    assert 0 < (row.called_again_day or 0) < (row.called_again_week or 0) < 1
    for id_, row in rows(archive, "number").items():
        on_number = [each for each in records if each.call.number == Ref(int(id_))]
        assert row.called_again_week == pytest.approx(recounted(records, WEEK_S, on_number.__contains__))


def test_report_by_tag_has_a_row_for_each_tag_and_one_for_calls_without(archive: Archive) -> None:
    records = company()
    save(archive, records)
    found = rows(archive, "tag")
    assert {id_: row.name for id_, row in found.items()} == {"": "no tag", "VIP": "VIP", "Refund": "Refund"}
    for id_, row in found.items():
        tags = {id_} if id_ else set()

        def has(record: CallRecord, tags: set[str] = tags) -> bool:
            return bool(tags & record.details.tag_names) if tags else not record.details.tag_names

        inbound = [each.call for each in filter(has, records) if each.call.direction == "inbound"]
        assert row.answered == sum(call.answered_at is not None for call in inbound)
        assert row.missed == sum(call.answered_at is None for call in inbound)
        assert row.called_again_day == pytest.approx(recounted(records, DAY_S, has))


def test_view_for_grafana_equals_the_report(database: str, archive: Archive) -> None:
    save(archive, company())
    engine = create_engine(database)
    repeats = Repeats()
    with engine.connect() as connection:
        for found in connection.execute(text("SELECT again_after, known_for FROM called_again")):
            repeats.count(Repeat(found.again_after, found.known_for))
    engine.dispose()
    row = rows(archive, "company")[""]
    assert (repeats.ratio(DAY_S), repeats.ratio(WEEK_S)) == (row.called_again_day, row.called_again_week)


def test_panels_show_the_shares_of_the_report(postgres_server: Postgres, tmp_path: Path) -> None:
    archive = Archive(postgres_server.database("repeats"), KeyFile(tmp_path / "caller.key", made_here=True))
    archive.load()
    archive.save(Batch(names={("number", "1"): "Support", ("number", "2"): "Billing"}))
    save(archive, company())
    for by in ("number", "tag"):
        query = statement(f"Callers who call again, by {by}", "aircall-queue")
        with archive.searching() as connection:
            found = asked(connection, filled(query, (START, END), {}))
        shown = {row[by.title()]: (row["Again within a day"], row["Again within a week"]) for row in found}
        reported = rows(archive, by).values()
        assert shown == {row.name: (row.called_again_day, row.called_again_week) for row in reported}
    archive.close()


@pytest.mark.parametrize(
    ("again_after", "known_for", "expected"),
    [
        (None, DAY_S - 1, None),
        (None, DAY_S, 0.0),
        (DAY_S, DAY_S, 1.0),
        (DAY_S + 1, WEEK_S, 0.0),
        (10, DAY_S - 1, None),
    ],
)
def test_ratio_counts_calls_after_which_the_whole_day_is_known(
    again_after: int | None, known_for: int, expected: float | None
) -> None:
    repeats = Repeats()
    repeats.count(Repeat(again_after, known_for))
    assert repeats.ratio(DAY_S) == expected


def test_row_without_recognised_callers_has_no_share(archive: Archive) -> None:
    calls = [
        Call(id_, "inbound", "done", at, at + 5, at + 9, raw_digits="anonymous")
        for id_, at in enumerate((START, END - 9), 1)
    ]
    save(archive, [CallRecord(call, CallDetails(), "full") for call in calls])
    row = rows(archive, "company")[""]
    assert (row.answered, row.called_again_day, row.called_again_week) == (2, None, None)
