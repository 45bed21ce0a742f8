"""The call history board finds what a plain filter finds, whatever is chosen and written on it."""

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
from harness.postgres import Postgres
from harness.searches import READS_ALL, SEARCHES, criteria
from tests.support.filled_archive import SINCE, UNTIL, Kept

CALLS, TOTALS = statement("Calls"), statement("What matches")
QUOTES = ("O'Hara", '"; DROP TABLE calls; --', "'; DROP TABLE calls; --", "\\", "${user}", "$__all", "%", "_")


@pytest.fixture(scope="module")
def kept(postgres_server: Postgres) -> Kept:
    return Kept(postgres_server.database("board"))


@pytest.fixture(scope="module")
def grafana(kept: Kept) -> Iterator[Connection]:
    engine = create_engine(kept.url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def some(*options: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(options), max_size=3, unique=True).map(tuple)


def one(*options: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(options), max_size=1).map(tuple)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_choice_finds_what_a_plain_filter_finds(
    kept: Kept, grafana: Connection, data: st.DataObject
) -> None:
    users = [name for user in kept.account.users.values() for name in (user.name, str(user.id))]
    wanted = Criteria(
        since=data.draw(st.integers(SINCE, SINCE + 900)),
        until=UNTIL,
        users=data.draw(some(*users, *QUOTES)),
        teams=data.draw(some("Support", "Sales", "Single Users", *QUOTES[:2])),
        numbers=data.draw(some(*(number.name for number in kept.account.numbers.values()))),
        directions=data.draw(some("inbound", "outbound")),
        assets=data.draw(some("recording", "voicemail")),
        missed=data.draw(st.sampled_from([None, None, True, False])),
        reasons=data.draw(some("no_available_agent", "short_abandoned", "it's new")),
        longer_than=data.draw(st.none() | st.integers(0, 300)),
        shorter_than=data.draw(st.none() | st.integers(0, 600)),
        tags=data.draw(some("VIP", "100%", "O'Hara", "nobody's")),
        callers=data.draw(one("33", "1", "+44 77", "anonymous", *QUOTES)),
        texts=data.draw(one("support", "a", "CALLED  back", "100%", "a_b", "ünïCODE", "Ünïcode", *QUOTES)),
    )
    period, escaped = (wanted.since, wanted.until), data.draw(st.sampled_from([GRAFANA_11, GRAFANA_12]))
    rows = asked(grafana, filled(CALLS, period, choices(wanted), escaped))
    assert [int(row["Call"]) for row in rows] == [call.id for call in kept.matching(wanted)]
    (row,) = asked(grafana, filled(TOTALS, period, choices(wanted), escaped))
    totals = kept.totals(wanted)
    expected = (totals.calls, totals.inbound, totals.outbound, totals.answered, totals.missed)
    assert (row["Calls"], row["Inbound"], row["Outbound"], row["Answered"], row["Missed"]) == expected
    assert (row["Not answered"], row["Talked"]) == (totals.unanswered, totals.seconds_talked)
    average = None if row["Time to answer"] is None else float(row["Time to answer"])
    assert average == pytest.approx(totals.average_seconds_to_answer)


@pytest.mark.parametrize("query", [CALLS, TOTALS], ids=["calls", "totals"])
def test_a_query_is_plain(query: str) -> None:
    assert re.search(r"\nFROM call_history\nWHERE ", query)
    assert not re.search("JOIN|COLLATE|regexp|normalize|unnest|escape", query)


def test_a_row_has_every_attribute_of_its_call(kept: Kept, grafana: Connection) -> None:
    rows = {int(row["Call"]): row for row in asked(grafana, filled(CALLS, (SINCE, UNTIL), {}))}
    assert rows.keys() == {call.id for call in kept.calls}
    for call in kept.calls:
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


def test_one_call_is_found_whenever_it_was(kept: Kept, grafana: Connection) -> None:
    call = kept.calls[0]
    for id_, found in ((str(call.id), [str(call.id)]), ("0", []), ("9" * 40, []), ("'; --", [])):
        rows = asked(grafana, filled(CALLS, (0, 1), {"call": id_}))
        assert [row["Call"] for row in rows] == found


def test_what_can_be_chosen_is_what_there_is(kept: Kept, grafana: Connection) -> None:
    offered = {
        name: [next(iter(row.values())) for row in asked(grafana, query)]
        for name, query in variable_queries()
    }
    account = kept.account
    assert set(offered["user"]) >= {user.name for user in account.users.values()}
    assert set(offered["number"]) == {number.name for number in account.numbers.values()}
    assert set(offered["team"]) == {team.name for team in account.teams.values()} | {"Single Users"}
    assert set(offered["tag"]) == {name for call in kept.calls for name, _ in call.tags}
    assert set(offered["reason"]) == {c.missed_call_reason for c in kept.calls if c.missed_call_reason}


def test_reasons_are_offered_in_words(grafana: Connection) -> None:
    rows = asked(grafana, dict(variable_queries())["reason"])
    assert rows
    assert {(row["__value"], row["__text"]) for row in rows} <= {(each.code, each.text) for each in REASONS}


@pytest.fixture(scope="module")
def many(postgres_server: Postgres) -> Iterator[Connection]:
    url = postgres_server.database("many")
    fill(url, calls=20_000)
    engine = create_engine(url)
    with engine.connect() as connection:
        connection.exec_driver_sql("SET random_page_cost = 1.1")  # as the reader's role has it, and
        connection.exec_driver_sql("SET enable_seqscan = off")
        yield connection
    engine.dispose()


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("query", [CALLS, TOTALS], ids=["calls", "totals"])
def test_every_choice_goes_by_an_index(many: Connection, name: str, query: str) -> None:
    wanted = criteria(name, 30)
    text = filled(query, (wanted.since, wanted.until), choices(wanted))
    plan = "\n".join(row["QUERY PLAN"] for row in asked(many, f"EXPLAIN {text}"))
    assert not re.search(READS_ALL, plan), plan
    assert not re.search(r"Filter: .*SubPlan", plan), plan  # looked through again for every call
