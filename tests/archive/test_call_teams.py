"""Test the teams of calls from before the first start, which are inferred from the current teams."""

from collections import defaultdict

import pytest
from sqlalchemy import create_engine, text

from exporter.account.directory import NamedRef
from exporter.account.records import Batch, CallRecord, CountedCall, Counting
from exporter.account.teams import Team
from exporter.aircall.models import Call, CallDetails, Ref
from exporter.archive import call_teams
from exporter.archive.criteria import Criteria
from exporter.archive.store import Archive
from exporter.archive.views import VIEWS
from exporter.config.settings import Storage
from exporter.durations import Duration
from exporter.simulator.faults import Fault, answer
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, polled
from tests.support.archive_contents import rows
from tests.support.search_ways import command

START = int(NOON)
SALES = Team(NamedRef("1", "Sales"), frozenset({7}), frozenset({70}))
SUPPORT = Team(NamedRef("2", "Support"), frozenset({7, 8}), frozenset({80}))
UNASSIGNED = Team(NamedRef("3", "Unassigned"), frozenset({9}), None)
TEAMS = (SALES, SUPPORT, UNASSIGNED)


def answered(id_: int, user: int) -> Call:
    return Call(id_, "inbound", "done", START, START + 5, START + 60, user=Ref(user), number=Ref(80))


def missed(id_: int, number: int) -> Call:
    return Call(id_, "inbound", "done", START, ended_at=START + 9, number=Ref(number))


def batch_of(*calls: Call, teams: tuple[Team, ...] = TEAMS) -> Batch:
    return Batch(records={call.id: CallRecord(call, CallDetails(), "full") for call in calls}, teams=teams)


def inferred(database: str) -> dict[int, set[tuple[str, bool]]]:
    """Return the teams of each call, and whether they are inferred."""
    found = defaultdict(set)
    for row in rows(database, "call_teams"):
        found[row.call_id].add((row.team_id, bool(row.inferred)))
    return dict(found)


def test_call_that_is_not_counted_gets_the_teams_of_its_user_or_number(
    database: str, archive: Archive
) -> None:
    archive.save(batch_of(answered(1, 7), answered(2, 9), answered(3, 10), missed(4, 80), missed(5, 90)))
    assert inferred(database) == {1: {("1", True), ("2", True)}, 2: {("3", True)}, 4: {("2", True)}}


def test_calls_that_were_saved_before_the_teams_are_known_get_them_later(
    database: str, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_teams, "MAX_INFERRED", 2)
    archive.save(batch_of(*(answered(id_, 8) for id_ in range(1, 6)), teams=()))
    assert inferred(database) == {}
    for expected in (2, 4, 5, 5):
        archive.save(Batch(teams=TEAMS))
        assert len(inferred(database)) == expected


def test_active_call_gets_no_teams(database: str, archive: Archive) -> None:
    archive.save(batch_of(Call(1, "inbound", "answered", START, START + 5, user=Ref(7))))
    assert inferred(database) == {}


@pytest.mark.parametrize("inferred_before", [False, True])
def test_call_that_counts_for_a_team_has_that_team_as_counted(
    database: str, archive: Archive, inferred_before: bool
) -> None:
    """A decision about which calls count may be replaced, if a wrong clock made it."""
    call = answered(1, 8)
    if inferred_before:
        archive.save(batch_of(call))
        assert inferred(database) == {1: {("2", True)}}
    counted = batch_of(call)
    counted.counting = Counting(0)
    counted.counted_calls = [
        CountedCall(call, "counted", ((("calls", "8", "80", "inbound", "answered"), 1),)),
        CountedCall(call, "counted_for_teams", ((("team_calls", "2", "inbound", "answered"), 1),)),
    ]
    assert len(archive.save(counted).additions) == 2
    assert inferred(database) == {1: {("2", False)}}
    assert archive.save(counted).additions == ()


def test_archive_of_an_older_exporter_gets_the_teams_of_its_calls(database: str, archive: Archive) -> None:
    archive.save(batch_of(answered(1, 8), teams=()))
    archive.close()
    engine = create_engine(database)
    with engine.begin() as connection:
        for view in VIEWS:
            connection.execute(text(f"DROP VIEW {view}"))
        connection.execute(text("DROP INDEX calls_without_teams"))
        connection.execute(text("ALTER TABLE call_teams DROP COLUMN inferred"))
        connection.execute(text("INSERT INTO call_teams VALUES (1, '9')"))
    engine.dispose()
    archive = Archive(database)
    archive.load()
    archive.save(Batch(teams=TEAMS))
    assert inferred(database) == {1: {("9", False), ("2", True)}}
    archive.close()


def test_search_by_team_finds_backfilled_calls_and_says_how_many_are_inferred(database: str) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=60, history=86_400, start=NOON)
    with polled(
        account, archive=Archive(database, simulated=True), storage=Storage(backfill=Duration(86_400))
    ) as world:
        world.live_until_complete()
        world.live(120)
        directory = world.poller.account.directory
        counted_from = world.poller.account.ledger.counted_from
        assert directory.assigned is not None
        old = [call for call in account.calls.values() if call.started_at < counted_from - 60]
        for team_id, members in directory.members.items():
            numbers = {n for n, users in directory.assigned.items() if users & members}
            expected = {
                call.id
                for call in old
                if (
                    call.number is not None and call.number.id in numbers
                    if call.direction == "inbound" and call.answered_at is None
                    else call.user is not None and call.user.id in members
                )
            }
            criteria = Criteria(0, int(counted_from) - 61, teams=(str(team_id),))
            found = list(Archive(database).search(criteria))
            assert {call.id for call in found} == expected
            assert all(call.teams_inferred for call in found)
            span = ["--from=0", f"--to={int(counted_from) - 61}"]
            printed = command(database, *span, f"--team={team_id}")
            note = f"calls whose teams are inferred from the current members and numbers: {len(expected)}"
            assert expected and note in printed.err
            reported = command(database, *span, "--by=team", "--format=ndjson", name="report")
            assert f"members and numbers: {len(old)}" in reported.err


def test_calls_on_a_number_whose_users_cannot_be_fetched_get_their_teams_later(database: str) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    number = next(number for number in account.numbers.values() if number.user_ids)
    call = account.ring_in(number.id, "+33 1", at=NOON - 7200)
    account.miss(call.id, "no_available_agent", at=NOON - 7190)
    failing = Fault(lambda path: path == f"/v1/numbers/{number.id}", answer(500))
    backfill = Storage(backfill=Duration(86_400))
    with polled(account, archive=Archive(database, simulated=True), storage=backfill) as world:
        with world.aircall.failing(failing):
            world.live_until_complete()
            world.live(60)
        assert call.id not in inferred(database)
        world.live(600)
        assert inferred(database)[call.id]
