"""Test `GET /api/v1/calls`: its pages, its errors, and its effect on scrapes."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
import requests
import yaml
from sqlalchemy import create_engine

from exporter.account.records import Batch, CallRecord
from exporter.aircall.models import Call, CallDetails
from exporter.api import searches
from exporter.api.answers import Calls
from exporter.api.query import Cursor, read_query
from exporter.archive import database as databases
from exporter.archive.search import FoundTotals
from exporter.archive.store import Archive
from exporter.archive.suggestions import MAX_LISTED
from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from harness.archived_calls import END, START, fill
from harness.postgres import Postgres
from harness.process import process
from tests.support.authority import USER, with_password
from tests.support.filled_archive import PERIOD as KEPT
from tests.support.filled_archive import SINCE, UNTIL, Kept
from tests.support.running import eventually, running
from tests.support.search_ways import ask, command, flags, pages, served, waiting_searches

PERIOD = [("from", str(SINCE)), ("to", str(UNTIL))]


@pytest.fixture(scope="module")
def address(kept_archive: Kept) -> Iterator[str]:
    with served(kept_archive.archive) as address:
        yield address


def test_calls_with_criteria_returns_their_fields_and_the_next_page(kept_archive: Kept, address: str) -> None:
    answer = ask(address, [*PERIOD, ("limit", "20"), ("missed", "true")])
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.headers["Cache-Control"] == "no-store"
    page = msgspec.json.decode(answer.content, type=Calls)
    assert len(page.calls) == 20
    assert page.next
    for listed in page.calls:
        call = kept_archive.account.calls[listed.id]
        assert (listed.started_at, listed.ended_at) == (call.started_at, call.ended_at)
        number = (call.number.id, call.number.name) if call.number else (None, "")
        assert (listed.number_id, listed.number) == number
        assert listed.missed_call_reason == call.missed_call_reason
        ended = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(call.ended_at))
        assert (listed.ended_at_iso, listed.answered_at_iso) == (ended, None)


def test_calls_with_a_limit_returns_a_page_of_that_length(kept_archive: Kept, address: str) -> None:
    expected = len(kept_archive.calls)
    assert expected > 100
    assert len(ask(address, PERIOD).json()["calls"]) == 100
    whole = ask(address, [*PERIOD, ("limit", "1000")]).json()
    assert (len(whole["calls"]), whole["next"]) == (expected, None)
    exactly = ask(address, [*PERIOD, ("limit", str(expected))]).json()
    assert (len(exactly["calls"]), exactly["next"]) == (expected, None)


def test_calls_in_pages_of_any_length_returns_each_call_once(kept_archive: Kept, address: str) -> None:
    expected = [call.id for call in kept_archive.matching(KEPT)]
    assert len({call.started_at for call in kept_archive.calls}) < len(expected), (
        "no two calls begin at the same time"
    )
    for limit in (1, 7):
        answers = pages(address, [*PERIOD, ("limit", str(limit))])
        assert [call["id"] for answer in answers for call in answer["calls"]] == expected


def test_calls_in_pages_while_calls_arrive_returns_the_same_calls(new_database: Callable[[], str]) -> None:
    database = new_database()
    fill(database, calls=250)
    archive = Archive(database)
    query = [("from", str(START)), ("to", str(END)), ("limit", "40"), ("direction", "inbound")]
    with served(archive) as address:
        expected = [call["id"] for page in pages(address, query) for call in page["calls"]]
        ids, totals = [], []
        for number, page in enumerate(pages(address, query)):
            ids += [call["id"] for call in page["calls"]]
            totals.append(page["totals"])
            call = Call(number + 1, "inbound", "done", END, None, END)
            archive.save(Batch(records={call.id: CallRecord(call, CallDetails(), "full")}))
        assert ids == expected
        assert len(totals) > 3
        assert all(each == totals[0] for each in totals)
        assert len([call for page in pages(address, query) for call in page["calls"]]) > len(expected)


@pytest.mark.parametrize(
    "criteria",
    [
        [("tag", "Nothing")],
        [("user", "Nobody"), ("number", "Nowhere")],
        [("shorter_than", "1s"), ("longer_than", "9h")],
        [],
    ],
    ids=lambda criteria: "-".join(name for name, _ in criteria) or "none",
)
def test_calls_returns_the_hints_that_the_command_prints(
    kept_archive: Kept, address: str, criteria: list[tuple[str, str]]
) -> None:
    answer = ask(address, [*PERIOD, *criteria]).json()
    printed = command(kept_archive.url, *flags([*PERIOD, *criteria]), "--utc").err.splitlines()
    shown = [f"--{hint['parameter']}: {hint['text']}" for hint in answer["hints"] if hint["parameter"]]
    shown += [hint["text"] for hint in answer["hints"] if not hint["parameter"]]
    assert [f"aircall-exporter: calls: {each}" for each in shown] == printed
    assert bool(printed) == bool(criteria)


@pytest.mark.parametrize("parameter", ["user", "rang", "team", "number", "tag", "reason"])
def test_calls_with_many_unknown_names_have_hints_for_a_few(address: str, parameter: str) -> None:
    names = [(parameter, f"Nothing {number}") for number in range(300)]
    hints = [hint["text"] for hint in ask(address, [*PERIOD, *names]).json()["hints"]]
    assert len(hints) == MAX_LISTED + 1
    assert hints[-1].startswith(f"the archive has none of {300 - MAX_LISTED} more ")


def test_calls_after_the_first_page_have_no_hints(address: str) -> None:
    first, second, *_ = pages(
        address, [*PERIOD, ("limit", "20"), ("reason", "Nothing"), ("reason", "no_available_agent")]
    )
    assert (len(first["hints"]), second["hints"]) == (1, [])


def test_query_next_of_a_period_relative_to_now_keeps_the_period() -> None:
    first = read_query([("from", "2h"), ("tag", "a&b"), ("tag", "ü")], now=1_780_000_000.5)
    nothing = FoundTotals(0, 0, 0, 0, 0, 0, 0, 0, None)
    following = first.next(Cursor(1, 2, nothing))
    second = read_query(parse_qsl(urlsplit(following).query), now=1_780_009_000)
    assert second.criteria == first.criteria
    assert (second.cursor, second.limit) == (Cursor(1, 2, nothing), 100)


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ([], "from: missing, expected a time such as 2026-11-23"),
        ([("from", "someday")], 'from: found "someday", expected a time such as'),
        ([("from", "1h"), ("to", "2h")], "to: is before from, expected a later time"),
        ([("from", "1h"), ("usr", "Ada")], "usr: unknown parameter, did you mean user?"),
        ([("from", "1h"), ("q", "Ada")], "q: unknown parameter; known are from, to, user, "),
        ([("from", "1h"), ("missed", "yes")], 'missed: found "yes", expected true or false'),
        ([("from", "1h"), ("direction", "up")], 'direction: found "up", expected inbound or outbound'),
        ([("from", "1h"), ("longer_than", "5")], 'longer_than: found "5", expected a duration such as'),
        ([("from", "1h"), ("limit", "0")], 'limit: found "0", expected 1 to 1000'),
        ([("from", "1h"), ("limit", "1001")], 'limit: found "1001", expected 1 to 1000'),
        ([("from", "1h"), ("limit", "5"), ("limit", "6")], "limit: found 2 times, expected once"),
        ([("from", "1h"), ("cursor", "AAAA")], 'cursor: found "AAAA", expected one from an answer\'s next'),
        ([("from", "1h"), ("tag", "")], 'tag: found "", expected a text'),
        ([("from", "1h")] + [("tag", "a")] * 501, "tag: found 501 options, expected at most 500"),
    ],
)
def test_calls_with_an_invalid_query_returns_400_in_one_line(
    address: str, query: list[tuple[str, str]], error: str
) -> None:
    answer = ask(address, query)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(error)
    assert answer.json().keys() == {"error"}


def test_calls_without_the_api_enabled_returns_403() -> None:
    with served(None) as address:
        for path in ("calls?from=1h", "report", "openapi.json", "calls/1/recording"):
            answer = requests.get(f"{address}/api/v1/{path}", timeout=10)
            assert answer.status_code == 403
            assert answer.text == "The calls API is not enabled, see --web.enable-api.\n"


def test_calls_with_another_method_than_get_returns_405(address: str) -> None:
    for method in ("POST", "PUT", "DELETE"):
        assert requests.request(method, f"{address}/api/v1/calls?from=1h", timeout=10).status_code == 405


def test_calls_of_a_running_exporter_returns_its_calls() -> None:
    account = SimulatedAccount(start=time.time(), calls_per_hour=0)
    call = account.ring_in(next(iter(account.numbers)), "+33 1 11 11 11 11")
    with running(account, api=True) as exporter:

        def found() -> list[int]:
            return [each["id"] for each in ask(exporter.url, [("from", "1h")]).json().get("calls", ())]

        eventually(lambda: found() == [call.id])


def test_calls_without_a_usable_archive_returns_503_in_one_line(postgres_server: Postgres) -> None:
    with served(Archive(postgres_server.database("gone"))) as address:
        without_tables = ask(address, [("from", "1h")])
        postgres_server.stop()
        try:
            unavailable = ask(address, [("from", "1h")])
        finally:
            postgres_server.start()
    for answer in (without_tables, unavailable):
        assert answer.status_code == 503
        assert answer.json()["error"].startswith("the archive cannot be searched now: ")
        assert "\n" not in answer.json()["error"]


@contextmanager
def locked(database: str) -> Iterator[None]:
    """Make all searches wait for a lock."""
    engine = create_engine(database)
    with engine.connect() as connection:
        connection.exec_driver_sql("LOCK TABLE calls IN ACCESS EXCLUSIVE MODE")
        yield
    engine.dispose()


def test_scrape_while_all_searches_hang_is_answered(
    postgres_server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(databases._SEARCH_SETTINGS, "statement_timeout", "0")
    database = postgres_server.database("hanging")
    account = SimulatedAccount(start=time.time(), calls_per_hour=0)
    with running(account, archive=Archive(database, simulated=True), api=True) as exporter:
        eventually(lambda: exporter.scrape().value("aircall_archive_up"))
        with ThreadPoolExecutor() as clients:
            with locked(database):
                answers = [clients.submit(ask, exporter.url, [("from", "1h")]) for _ in range(4)]
                eventually(lambda: waiting_searches(database) == searches.MAX_CONCURRENT)
                eventually(lambda: exporter.scrape().value("aircall_up"))
                assert waiting_searches(database) == searches.MAX_CONCURRENT
                assert not any(answer.done() for answer in answers)
            assert [answer.result().status_code for answer in answers] == [200] * 4


def test_exporter_terminated_during_a_search_does_not_wait_for_it(
    postgres_server: Postgres, tmp_path: Path
) -> None:
    database = postgres_server.database("ending")
    (tmp_path / "aircall.yml").write_text(yaml.safe_dump({"storage": {"url": database}}))
    with SimulatedAircall(SimulatedAccount(users=6, calls_per_hour=0, start=time.time())) as aircall:
        environ = {
            "AIRCALL_API_ID": aircall.api_id,
            "AIRCALL_API_TOKEN": aircall.api_token,
            "AIRCALL_BASE_URL": aircall.base_url,
        }
        flags = (f"--config.file={tmp_path / 'aircall.yml'}", f"--web.config.file={with_password(tmp_path)}")
        with process(*flags, "--web.enable-api", **environ) as exporter:
            eventually(lambda: ask(exporter.url, [("from", "1h")], USER).ok)
            with locked(database), ThreadPoolExecutor() as clients:
                answer = clients.submit(ask, exporter.url, [("from", "1h")], USER)
                eventually(lambda: waiting_searches(database) == 1)
                exporter.process.terminate()
                assert exporter.process.wait(10) == 0
                assert answer.exception() or not answer.result().ok


def test_calls_beyond_the_statement_timeout_returns_503(
    postgres_server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(databases._SEARCH_SETTINGS, "statement_timeout", "200ms")
    database = postgres_server.database("slow")
    archive = Archive(database)
    archive.load()
    with served(archive) as address, locked(database):
        answer = ask(address, [("from", "1h")])
        assert (answer.status_code, waiting_searches(database)) == (503, 0)
        problem = "canceling statement due to statement timeout; narrow the time range, if there is one;"
        assert problem in answer.json()["error"]


def test_searches_without_a_free_turn_raise_a_timeout() -> None:
    continues = threading.Event()

    async def ask_twice() -> None:
        busy = searches.Searches(at_once=1, patience=0.05)
        with pytest.raises(TimeoutError):
            await busy.run(continues.wait)
        with pytest.raises(TimeoutError):
            await busy.run(lambda: pytest.fail("a search begins while another occupies the only turn"))
        continues.set()
        patient = searches.Searches(at_once=1)
        patient._free = busy._free
        assert await patient.run(lambda: "found") == "found"

    asyncio.run(ask_twice())
