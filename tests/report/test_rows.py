"""The report of a day equals a recount of the simulated account's calls, and the figures of the day."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import pairwise
from statistics import fmean
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from msgspec import structs

from exporter.archive.store import Archive
from exporter.config.settings import (
    Override,
    Overrides,
    Refresh,
    ServiceLevel,
    ServiceLevelOverride,
    Settings,
    Today,
)
from exporter.durations import Duration
from exporter.report.parameters import parse_request
from exporter.report.rows import Report, report
from exporter.simulator.models import SimulatedCall
from exporter.simulator.simulation import SimulatedAccount
from harness import recount
from harness.expected_counts import teams_of
from harness.recount import Definition
from harness.simulated_time import Polled, polled
from tests.support.recovery import fetch_all

TODAY = Today("00:00", "Europe/Paris")
RARELY = Refresh(calls=Duration(30), availabilities=Duration(60))
MORNING = datetime(2026, 5, 28, 9, tzinfo=ZoneInfo("Europe/Paris")).timestamp()
STRICT = Definition(within=6, ignored_below=15, ignored_reasons=("no_available_agent",))
OVERRIDE = Override(
    service_level=ServiceLevelOverride(
        within=Duration(STRICT.within),
        ignore_abandoned_within=Duration(STRICT.ignored_below),
        ignore_reasons=STRICT.ignored_reasons,
    )
)

Group = tuple[str, list[tuple[SimulatedCall, Definition]]]
Figures = dict[tuple[float, str], tuple[Any, ...]]
"""By the start of the interval (UNIX seconds) and the id of the group, in the order of a row's fields."""


class Case(NamedTuple):
    """A definition of the service level, and whether a number and a team, and a user, are exceptions."""

    general: Definition
    with_overrides: bool = False
    excludes: bool = False


class Day(NamedTuple):
    """A day of an exporter whose account has stopped, its archive, and the rules of its company."""

    world: Polled
    archive: Archive
    case: Case
    strict: frozenset[str]
    """The ids of the number and team with other rules."""
    excluded: frozenset[int]

    @property
    def account(self) -> SimulatedAccount:
        return self.world.account

    def report(self, settings: Settings | None = None, **given: str) -> Report:
        request = parse_request({name: [text] for name, text in given.items()}, self.world.time.now, TODAY)
        with self.archive.searching() as connection:
            return report(connection, settings or self.world.settings, request)


CASES = [
    Case(Definition()),
    Case(Definition(15, 20, ("out_of_opening_hours",)), with_overrides=True),
    Case(Definition(), with_overrides=True, excludes=True),
]


@pytest.fixture(
    scope="module",
    params=[*((case, "sqlite") for case in CASES), (CASES[0], "postgresql")],
    ids=lambda param: f"{CASES.index(param[0])} {param[1]}",
)
def day(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    case, kind = request.param
    if kind == "sqlite":
        database = f"sqlite:///{tmp_path_factory.mktemp('day')}/archive.sqlite"
    else:
        database = request.getfixturevalue("postgres_server").database("day")
    account = SimulatedAccount(users=24, calls_per_hour=240, seed=7, start=MORNING, history=0)
    number, team = next(iter(account.numbers.values())), next(iter(account.teams.values()))
    excluded = [min(team.user_ids)] if case.excludes else []
    settings: dict[str, Any] = {
        "today": TODAY,
        "refresh": RARELY,
        "service_level": ServiceLevel(
            within=Duration(case.general.within),
            ignore_abandoned_within=Duration(case.general.ignored_below),
            ignore_reasons=case.general.ignored_reasons,
        ),
        "exclude_users": tuple(account.users[user].name for user in excluded),
    }
    if case.with_overrides:
        settings["overrides"] = Overrides({number.name: OVERRIDE}, {team.name: OVERRIDE})
    archive = Archive(database)
    with polled(account, archive=archive, **settings) as world:
        world.live_until_complete()
        world.live(5000)
        fetch_all(world)
        world.live(60)
        strict = frozenset({f"number {number.id}", f"team {team.id}"} if case.with_overrides else ())
        yield Day(world, archive, case, strict, frozenset(excluded))


def of_company(day: Day, calls: Iterable[SimulatedCall]) -> Iterator[Group]:
    yield "", [(call, _rule(day, f"number {call.number_id}")) for call in calls]


def by_number(day: Day, calls: Iterable[SimulatedCall]) -> Iterator[Group]:
    found = list(calls)
    for number in {call.number_id for call in found}:
        rule = _rule(day, f"number {number}")
        yield str(number or ""), [(call, rule) for call in found if call.number_id == number]


def by_team(day: Day, calls: Iterable[SimulatedCall]) -> Iterator[Group]:
    found = [call for call in calls if recount.kind(call) == "missed" or call.user_id not in day.excluded]
    teams = {call.id: teams_of(day.account, call) for call in found}
    for team in set().union(*teams.values()):
        rule = _rule(day, f"team {team}")
        yield team, [(call, rule) for call in found if team in teams[call.id]]


def by_user(day: Day, calls: Iterable[SimulatedCall]) -> Iterator[Group]:
    found = [call for call in calls if recount.kind(call) != "missed" and call.user_id not in day.excluded]
    for user in {call.user_id for call in found}:
        yield str(user or ""), [(call, day.case.general) for call in found if call.user_id == user]


def _rule(day: Day, group: str) -> Definition:
    return STRICT if group in day.strict else day.case.general


GROUPS: dict[str, Callable[[Day, Iterable[SimulatedCall]], Iterator[Group]]] = {
    "company": of_company,
    "number": by_number,
    "team": by_team,
    "user": by_user,
}


def figures_of(calls: list[tuple[SimulatedCall, Definition]], has_missed: bool = True) -> tuple[Any, ...]:
    """Return the figures of a row, in the order of its fields."""
    answered = [(call, by) for call, by in calls if recount.kind(call) == "answered"]
    missed = [(call, by) for call, by in calls if recount.kind(call) == "missed"]
    counting = [call for call, by in missed if recount.counts(call, by)]
    abandoned = [recount.length(call) for call in counting if recount.abandoned(call)]
    waits = [(_wait(call), by) for call, by in answered]
    offered = len(answered) + len(counting)
    in_time = sum(wait <= by.within for wait, by in waits)
    longest = [*(wait for wait, _ in waits), *map(recount.length, counting)]
    talks = [(call.direction, _talk(call)) for call, _ in calls if call.answered_at is not None]
    handled = [talk for direction, talk in talks if direction == "inbound"]

    def known(value: object) -> object:
        return value if has_missed else None

    return (
        known(offered),
        known(len(answered) + len(missed)),
        len(answered),
        known(len(counting)),
        known(len(abandoned)),
        known(in_time / offered if offered else None),
        fmean(wait for wait, _ in waits) if waits else None,
        known(fmean(abandoned) if abandoned else None),
        max(longest, default=None),
        *[fmean(handled) if handled else None, *[None] * 3],  # of the time after calls, nothing is known
        sum(call.direction == "outbound" for call, _ in calls),
        sum(talk for _, talk in talks),
    )


def _wait(call: SimulatedCall) -> int:
    assert call.answered_at is not None
    return call.answered_at - recount.waits_from(call)


def _talk(call: SimulatedCall) -> int:
    return recount.length(call) - _wait(call)


def reported(made: Report) -> Figures:
    """Return the figures of calls by the start of the interval (UNIX seconds) and the id of the group."""
    rows = [structs.astuple(row) for row in made.rows]
    return {(datetime.fromisoformat(row[0]).timestamp(), row[2]): row[4:-3] for row in rows}


def expected(day: Day, by: str, bounds: list[float]) -> Figures:
    """Return the same from the account. `bounds` are the starts of intervals, and the end of the last."""
    done = [call for call in day.account.calls.values() if call.ended_at is not None]
    all_ = [call for call in done if bounds[0] <= call.started_at < bounds[-1]]
    groups = {id_ for id_, _ in GROUPS[by](day, all_)}
    found: Figures = {}
    for start, end in pairwise(bounds):
        calls = dict(GROUPS[by](day, [call for call in all_ if start <= call.started_at < end]))
        found |= {(start, id_): figures_of(calls.get(id_, []), by != "user") for id_ in groups}
    return found


@pytest.mark.parametrize("by", GROUPS)
def test_report_of_a_day_equals_the_recount_in_each_interval(day: Day, by: str) -> None:
    whole = day.report(by=by)
    begin, end = (datetime.fromisoformat(at).timestamp() for at in (whole.since, whole.until))
    assert whole.since == "2026-05-28T00:00:00+02:00"
    assert reported(whole) == expected(day, by, [begin, end])
    for interval, seconds in (("30m", 1800), ("5m", 300)):
        bounds = [*range(int(begin), int(end), seconds), end]
        assert reported(day.report(by=by, interval=interval)) == expected(day, by, bounds)


COUNTS = ("offered", "inbound", "answered", "missed", "abandoned", "outbound", "talk_seconds")


@pytest.mark.parametrize("by", GROUPS)
def test_sums_over_intervals_equal_the_whole_range(day: Day, by: str) -> None:
    for row in day.report(by=by).rows:
        parts = [part for part in day.report(by=by, interval="15m").rows if part.id == row.id]
        assert len(parts) > 30
        for name in COUNTS:
            values = [getattr(part, name) for part in parts]
            assert getattr(row, name) == (None if None in values else sum(values))
        longest = [p.longest_wait_seconds for p in parts if p.longest_wait_seconds is not None]
        assert row.longest_wait_seconds == max(longest, default=None)


def test_sums_over_numbers_equal_the_company(day: Day) -> None:
    (company,) = day.report().rows
    numbers = day.report(by="number").rows
    assert company.offered is not None
    assert company.offered > 100
    assert [getattr(company, n) for n in COUNTS] == [sum(getattr(row, n) for row in numbers) for n in COUNTS]
    in_time = sum((row.service_level or 0) * (row.offered or 0) for row in numbers)
    assert company.service_level == pytest.approx(in_time / company.offered)


def test_report_of_today_equals_the_figures_of_a_scrape(day: Day) -> None:
    scrape = day.world.scrape()
    for by in ("number", "team"):
        rows = day.report(by=by).rows
        assert len(rows) > 1
        for row in rows:
            if not row.id:
                continue  # boards have no row for calls without a number
            own = {"period": "today", f"{by}_id": row.id}

            def value(name: str, own: dict = own, by: str = by, **labels: str) -> float | None:
                found = scrape.all(f"aircall_{by}_{name}", **own, **labels)
                return next(iter(found.values()), None)

            calls = {
                kind: value("period_calls", direction=kind[0], outcome=kind[1])
                for kind in (("inbound", "answered"), ("inbound", "missed"))
            }
            assert row.answered == calls["inbound", "answered"]
            assert row.inbound == sum(count or 0 for count in calls.values())
            assert row.outbound == sum(
                value("period_calls", direction="outbound", outcome=outcome) or 0
                for outcome in ("answered", "unanswered")
            )
            assert row.service_level == value("service_level_ratio")
            assert row.average_answer_seconds == value("average_answer_seconds")
            assert row.average_abandon_seconds == value("average_abandon_seconds")
            for name, count in (("missed_ratio", row.missed), ("abandoned_ratio", row.abandoned)):
                assert value(name) == ((count or 0) / row.offered if row.offered else None)
    for row in day.report(by="user").rows:
        found = scrape.all("aircall_user_average_answer_seconds", period="today", user_id=row.id)
        assert set(found.values()) == ({row.average_answer_seconds} if row.answered else set())


def test_report_by_team_without_assignments_has_no_missed_calls(day: Day) -> None:
    settings = structs.replace(day.world.settings, map_users_to_numbers=False)
    rows = day.report(settings, by="team").rows
    assert rows
    assert {(row.offered, row.missed, row.service_level) for row in rows} == {(None, None, None)}
    assert sum(row.answered for row in rows) > 50


def test_report_by_team_with_chosen_teams_has_only_those(day: Day) -> None:
    name = next(iter(day.account.teams.values())).name
    settings = structs.replace(day.world.settings, teams=(name,))
    assert {row.name for row in day.report(settings, by="team").rows} == {name}
