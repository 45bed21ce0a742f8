"""The dashboard of the call history finds the same calls as a plain filter, for all variables."""

import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine

from exporter.archive.criteria import Criteria
from grafana.boards.palette import REASONS
from harness.archived_calls import fill
from harness.board_sql import GRAFANA_11, GRAFANA_12, asked, choices, filled, statement, variable_queries
from harness.dashboards import panel
from harness.postgres import Postgres
from harness.searches import READS_ALL, SEARCHES, criteria
from tests.support.filled_archive import SINCE, UNTIL, Kept

CALLS, TOTALS = statement("Calls"), statement("What matches")
JOURNEY = statement("Journey of the chosen call")
QUOTES = ("O'Hara", '"; DROP TABLE calls; --', "'; DROP TABLE calls; --", "\\", "${user}", "$__all", "%", "_")


@pytest.fixture(scope="module")
def archive(postgres_server: Postgres) -> Kept:
    return Kept(postgres_server.database("board"))


@pytest.fixture(scope="module")
def grafana(archive: Kept) -> Iterator[Connection]:
    engine = create_engine(archive.url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def several(*options: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(options), max_size=3, unique=True).map(tuple)


def at_most_one(*options: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(options), max_size=1).map(tuple)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_call_history_with_any_criteria_returns_the_matching_calls(
    archive: Kept, grafana: Connection, data: st.DataObject
) -> None:
    users = [name for user in archive.account.users.values() for name in (user.name, str(user.id))]
    wanted = Criteria(
        since=data.draw(st.integers(SINCE, SINCE + 900)),
        until=UNTIL,
        users=data.draw(several(*users, *QUOTES)),
        teams=data.draw(several("Support", "Sales", "Single Users", *QUOTES[:2])),
        numbers=data.draw(several(*(number.name for number in archive.account.numbers.values()))),
        directions=data.draw(several("inbound", "outbound")),
        assets=data.draw(several("recording", "voicemail")),
        missed=data.draw(st.sampled_from([None, None, True, False])),
        reasons=data.draw(several("no_available_agent", "short_abandoned", "it's new")),
        longer_than=data.draw(st.none() | st.integers(0, 300)),
        shorter_than=data.draw(st.none() | st.integers(0, 600)),
        tags=data.draw(several("VIP", "100%", "O'Hara", "nobody's")),
        callers=data.draw(at_most_one("33", "1", "+44 77", "anonymous", *QUOTES)),
        texts=data.draw(
            at_most_one("support", "a", "CALLED  back", "100%", "a_b", "ünïCODE", "Ünïcode", *QUOTES)
        ),
    )
    period, escaped = (wanted.since, wanted.until), data.draw(st.sampled_from([GRAFANA_11, GRAFANA_12]))
    rows = asked(grafana, filled(CALLS, period, choices(wanted), escaped))
    assert [int(row["Call"]) for row in rows] == [call.id for call in archive.matching(wanted)]
    (row,) = asked(grafana, filled(TOTALS, period, choices(wanted), escaped))
    totals = archive.totals(wanted)
    expected = (totals.calls, totals.inbound, totals.outbound, totals.answered, totals.missed)
    assert (row["Calls"], row["Inbound"], row["Outbound"], row["Answered"], row["Missed"]) == expected
    assert (row["Not answered"], row["Talked"]) == (totals.unanswered, totals.seconds_talked)
    average = None if row["Time to answer"] is None else float(row["Time to answer"])
    assert average == pytest.approx(totals.average_seconds_to_answer)


@pytest.mark.parametrize("query", [CALLS, TOTALS], ids=["calls", "totals"])
def test_call_history_query_reads_one_view_without_joins(query: str) -> None:
    assert re.search(r"\nFROM call_history\nWHERE ", query)
    assert not re.search("JOIN|COLLATE|regexp|normalize|unnest|escape", query)


def test_call_history_row_has_every_attribute_of_its_call(archive: Kept, grafana: Connection) -> None:
    rows = {int(row["Call"]): row for row in asked(grafana, filled(CALLS, (SINCE, UNTIL), {}))}
    assert rows.keys() == {call.id for call in archive.calls}
    for call in archive.calls:
        row = rows[call.id]
        assert row["Started"].timestamp() == call.started_at
        assert row["Direction"] == call.direction
        assert row["Missed because"] == (call.missed_call_reason or "")
        assert row["User"] == (call.user.name if call.user else "")
        assert row["Number"] == (call.number.name if call.number else "")
        assert row["External number"] == call.raw_digits
        assert row["Duration"] == (call.duration if call.ended_at else None)
        assert (row["Tags"] or "") == ", ".join(sorted(name for name, _ in call.tags))
        assert (row["Comments"] or "") == " / ".join(text for text, _ in call.comments)
        listen = "recording" if call.recorded else "voicemail" if call.voicemail else ""
        assert (row["Listen"], row["In Aircall"] != "#") == (listen, bool(listen))


@pytest.mark.parametrize("name", ["longer", "shorter"])
@pytest.mark.parametrize("text", ["abc'", "1m1m", "99999999999999999999s", "5 parsecs", "-5s", " ", "1h x"])
def test_call_history_with_an_unreadable_duration_matches_no_call(
    archive: Kept, grafana: Connection, name: str, text: str
) -> None:
    assert asked(grafana, filled(CALLS, (SINCE, UNTIL), {name: text})) == []
    (totals,) = asked(grafana, filled(TOTALS, (SINCE, UNTIL), {name: text}))
    assert totals["Calls"] == 0
    assert "1h30m" in panel("aircall-calls", "Calls").model["fieldConfig"]["defaults"]["noValue"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("5m", 300), ("90", 90), (" 1h30m ", 5400), ("2 minutes", 120), ("1h 5 s", 3605)],
)
def test_call_history_accepts_usual_durations(
    archive: Kept, grafana: Connection, text: str, seconds: int
) -> None:
    longer = {int(row["Call"]) for row in asked(grafana, filled(CALLS, (SINCE, UNTIL), {"longer": text}))}
    assert longer == {call.id for call in archive.calls if call.ended_at and call.duration > seconds}


def test_call_history_with_a_call_id_ignores_the_time_range(archive: Kept, grafana: Connection) -> None:
    call = archive.calls[0]
    for id_, expected in ((str(call.id), [str(call.id)]), ("0", []), ("9" * 40, []), ("'; --", [])):
        rows = asked(grafana, filled(CALLS, (0, 1), {"call": id_}))
        assert [row["Call"] for row in rows] == expected


def test_call_history_shows_the_journey_of_the_chosen_call_only(archive: Kept, grafana: Connection) -> None:
    call = next(call for call in archive.calls if call.answered_at and call.ended_at and not call.is_waiting)
    rows = asked(grafana, filled(JOURNEY, (0, 1), {"call": str(call.id)}))
    names = [row["Step"] for row in rows]
    assert (names[0], names[-1]) == ("started", "ended")
    assert {"unknown", "answered"} <= set(names)
    assert asked(grafana, filled(JOURNEY, (0, 2**31), {})) == []


def test_call_history_variables_offer_the_names_in_the_archive(archive: Kept, grafana: Connection) -> None:
    offered = {
        name: [next(iter(row.values())) for row in asked(grafana, query)]
        for name, query in variable_queries()
    }
    account = archive.account
    assert set(offered["user"]) >= {user.name for user in account.users.values()}
    assert set(offered["number"]) == {number.name for number in account.numbers.values()}
    assert set(offered["team"]) == {team.name for team in account.teams.values()} | {"Single Users"}
    assert set(offered["tag"]) == {name for call in archive.calls for name, _ in call.tags}
    assert set(offered["reason"]) == {c.missed_call_reason for c in archive.calls if c.missed_call_reason}


def test_call_history_variable_reason_offers_texts(grafana: Connection) -> None:
    rows = asked(grafana, dict(variable_queries())["reason"])
    assert rows
    assert {(row["__value"], row["__text"]) for row in rows} <= {(each.code, each.text) for each in REASONS}


@pytest.fixture(scope="module")
def many(postgres_server: Postgres) -> Iterator[Connection]:
    url = postgres_server.database("many")
    fill(url, calls=20_000)
    engine = create_engine(url)
    with engine.connect() as connection:
        connection.exec_driver_sql("SET random_page_cost = 1.1")  # as for the role of readers, and
        connection.exec_driver_sql("SET enable_seqscan = off")
        yield connection
    engine.dispose()


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("query", [CALLS, TOTALS], ids=["calls", "totals"])
def test_call_history_query_with_each_criterion_uses_an_index(
    many: Connection, name: str, query: str
) -> None:
    wanted = criteria(name, 30)
    text = filled(query, (wanted.since, wanted.until), choices(wanted))
    plan = "\n".join(row["QUERY PLAN"] for row in asked(many, f"EXPLAIN {text}"))
    assert not re.search(READS_ALL, plan), plan
    assert not re.search(r"Filter: .*SubPlan", plan), plan  # it would be evaluated for every call


def test_call_history_query_of_a_journey_reads_one_call(many: Connection) -> None:
    plan = "\n".join(
        row["QUERY PLAN"] for row in asked(many, f"EXPLAIN {filled(JOURNEY, (0, 1), {'call': '5'})}")
    )
    assert not re.search(READS_ALL, plan), plan
    assert "Seq Scan" not in plan
