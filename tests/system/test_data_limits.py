"""Limits on the data of responses: objects and texts beyond a limit are left out and counted."""

import itertools
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from exporter.account import account as account_module
from exporter.account import ledger
from exporter.account.account import Account
from exporter.account.reference_data import ReferenceData
from exporter.account.removal_detector import Listed
from exporter.aircall import data_limits, endpoints
from exporter.aircall.call_decoding import decode_calls
from exporter.aircall.decoding import InvalidResponseError, decode_page
from exporter.aircall.endpoints import Response, TooManyObjectsError, paginate
from exporter.aircall.models import Call, CallDetails, CallWithDetails, Page, Team, User
from exporter.archive import reported_calls, store
from exporter.archive.store import Archive
from exporter.config.settings import Refresh, Settings, Today
from exporter.durations import Duration
from exporter.polling.partial_fetch import fetch_window
from exporter.simulator import faults
from exporter.simulator.faults import Fault
from exporter.simulator.simulation import SimulatedAccount
from harness.expected_counts import counted, to_be_counted
from harness.simulated_time import NOON, Polled, polled
from tests.support.recovery import until_no_range_is_missing
from tests.support.today import assert_today_equals_recount, assert_today_is_left_out

EXCEEDED = "aircall_exporter_limit_exceeded_total"

LISTS = ("users", "teams", "numbers", "calls")


def warned(lines: list[Any], limit: str) -> int:
    return sum(line.get("limit") == limit and line["log_level"] == "warning" for line in lines)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set limits that a small account can exceed."""
    for module in ("exporter.account.reference_data", "exporter.aircall.endpoints"):
        monkeypatch.setattr(f"{module}.MAX_OBJECTS", 300)
    monkeypatch.setattr(paginate, "__defaults__", (300,))


IDS = itertools.count(10**9)


def endless(content: Any) -> None:
    """Fill each list with new objects, and link to a next page."""
    for key in LISTS[:3]:
        if key in content:
            content[key] = [
                {"id": next(IDS), "name": "More", "availability": "available", "users": []} for _ in range(50)
            ]
    content["meta"] = {"next_page_link": f"https://api.aircall.io/v1/x?page={next(IDS)}"}


@pytest.mark.parametrize("path", ["/v2/users", "/v1/teams", "/v1/numbers", "/v1/users/availabilities"])
def test_list_without_end_is_given_up_and_keeps_a_bounded_number(small: None, path: str) -> None:
    account = SimulatedAccount(users=6, calls_per_hour=0, start=NOON)
    with capture_logs() as lines, polled(account, served={"rate_limit": 6000}) as world:
        world.live_until_complete()
        before = {str(user) for user in account.users}
        world.aircall.faults.append(Fault(lambda requested: requested == path, faults.edited(endless)))
        world.poller.refresh()
        world.live(120)
        scrape = world.scrape()
        known = world.poller.account
        for objects in (
            known.directory.users,
            known.directory.members,
            known.directory.numbers,
            known.presence.users,
        ):
            assert len(objects) <= 300
        assert scrape.labels("aircall_user_info", "user_id") >= before
        assert scrape.number(EXCEEDED, limit="pages") >= 1
        assert scrape.number("aircall_polls_total", dataset=path.rpartition("/")[2], result="error") >= 1
    assert warned(lines, "pages") == 1


def drive(fetch: Any, respond: Callable[[Any], Page[Any]], most: int) -> int:
    """Respond to each request of a fetch. Returns how many there were until it ended."""
    request = next(fetch)
    for requests in range(1, most):
        try:
            request = fetch.send(Response(respond(request), 0.0))
        except (StopIteration, TooManyObjectsError):
            return requests
    raise AssertionError(f"the fetch has not ended after {most} requests")


def test_query_of_tiny_pages_without_end_is_given_up() -> None:
    ids = itertools.count()

    def page(_: Any) -> Page[Team]:
        return Page((), 1, frozenset({next(ids)}), f"?page={next(ids)}")

    assert drive(paginate(endpoints.teams(), lambda *_: None), page, 3000) <= data_limits.MAX_PAGES


def test_calls_without_end_stop_at_the_limit_of_a_query() -> None:
    ids = itertools.count()

    def page(_: Any) -> Page[Any]:
        return Page((), 50, frozenset(range(next(ids) * 50, next(ids) * 50)), f"?page={next(ids)}")

    requests = drive(paginate(endpoints.calls(0), lambda *_: None, endpoints.MAX_CALLS_PER_QUERY), page, 300)
    assert requests == endpoints.MAX_CALLS_PER_QUERY // 50


def test_calls_that_ignore_the_bounds_of_a_query_are_an_invalid_response() -> None:
    account, ids, now = Account(Settings()), itertools.count(1), int(NOON)

    def page(_: Any) -> Page[CallWithDetails]:
        calls = [Call(next(ids), "inbound", "done", now - 5, ended_at=now) for _ in range(50)]
        found = tuple(CallWithDetails(call, CallDetails()) for call in calls)
        return Page(found, 0, frozenset(call.id for call in calls), f"?page={next(ids)}")

    with pytest.raises(InvalidResponseError, match="later than requested"):
        drive(fetch_window(now - 900, now, account.apply_call_page), page, 1000)


def test_calls_in_memory_beyond_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.account.account.MAX_CALLS", 10)
    account = Account(Settings())
    calls = tuple(
        CallWithDetails(Call(id_, "inbound", "initial", int(NOON)), CallDetails()) for id_ in range(50)
    )
    account.apply_call_page(Page(calls, 0, frozenset(), None), NOON)
    with pytest.raises(InvalidResponseError, match="more than 10 calls"):
        account.apply_call_page(Page(calls, 0, frozenset(), None), NOON)
    assert account.limits["calls"] == 1


def test_list_page_of_too_many_items_is_cut() -> None:
    body = b'{"users": [%s]}' % b",".join(b'{"id": %d}' % id_ for id_ in range(5000))
    page = decode_page(body, "users", User)
    assert (len(page.items), page.exceeded) == (data_limits.MAX_PAGE_ITEMS, Counter(page_items=1))
    calls = decode_calls(body.replace(b"users", b"calls"))
    assert (calls.malformed, calls.exceeded) == (data_limits.MAX_PAGE_ITEMS, Counter(page_items=1))


def test_next_page_link_that_is_too_long_is_an_invalid_response() -> None:
    body = b'{"users": [], "meta": {"next_page_link": "https://x/?a=%s"}}' % (b"x" * 5000)
    with pytest.raises(InvalidResponseError, match="next_page_link has"):
        decode_page(body, "users", User)


def test_memberships_beyond_the_limit_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.account.reference_data.MAX_MEMBERSHIPS", 1000)
    monkeypatch.setattr("exporter.account.reference_data.MAX_ASSIGNMENTS", 1000)
    lists = ReferenceData(set())
    users = [{"id": user} for user in range(300)]
    body = msgspec.json.encode({"teams": [{"id": team, "users": users} for team in range(20)]})
    page = decode_page(body, "teams", Team)
    lists.apply_teams_page(page)
    assert sum(map(len, lists.directory.members.values())) <= 1000
    lists.finish_teams(Listed(set(page.ids), 0.0))
    assert sum(map(len, lists.directory.members.values())) <= 1000
    assert lists.limits["memberships"] > 0
    all_users = frozenset(range(300))
    assigned = dict.fromkeys(range(20), all_users)
    lists.apply_assignments(assigned, all_users, frozenset(assigned), 0.0)
    assert lists.directory.assigned is not None
    assert sum(map(len, lists.directory.assigned.values())) <= 1000
    assert lists.limits["assignments"] > 0


def test_names_beyond_the_limit_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.account.directory.MAX_NAMES", 100)
    account = Account(Settings())
    for id_ in range(1000):
        account.directory.add_user(User(id_, f"User {id_}"))
    assert account.directory.user(5).name == "User 5"
    assert account.directory.user(500).name == "user 500"
    assert len(account.directory.drain_new_names()) == 100


def test_calls_waiting_for_teams_beyond_the_limit_are_read_from_the_archive(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for module in (ledger, store):
        monkeypatch.setattr(module, "MAX_FOR_TEAMS", 20)
    monkeypatch.setattr(ledger, "BATCH_SIZE", 7)
    account = SimulatedAccount(users=12, calls_per_hour=600, seed=3, start=NOON, history=0)
    failing = Fault(lambda path: path == "/v1/teams", faults.answer(500))
    archive = Archive(f"sqlite:///{tmp_path}/archive.sqlite")
    served = {"rate_limit": 600, "faults": [failing]}
    with capture_logs() as lines, polled(account, served=served, archive=archive) as world:
        world.live(900)
        waiting = world.poller.account.ledger.pending_team_counts
        assert 20 <= len(waiting) <= 30
        assert world.scrape().number(EXCEEDED, limit="calls_waiting_for_teams") > 30
        world.aircall.faults.clear()
        world.live(600)
        world.freeze()
        world.live(200)
        scrape = world.scrape()
        assert counted(scrape) == to_be_counted(account)
        assert not world.poller.account.ledger.pending_team_counts
    assert warned(lines, "calls_waiting_for_teams") == 1


def test_calls_of_the_day_beyond_the_limit_leave_out_the_day(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for module in (account_module, reported_calls):
        monkeypatch.setattr(module, "MAX_CALLS_TODAY", 50)
    start = datetime(2026, 5, 28, 23, tzinfo=UTC).timestamp()
    account = SimulatedAccount(users=12, calls_per_hour=30, seed=3, start=start, history=4 * 3600)
    today, rarely = Today("00:00", "UTC"), Refresh(calls=Duration(60), availabilities=Duration(60))
    url = f"sqlite:///{tmp_path}/archive.sqlite"
    with capture_logs() as lines, polled(account, archive=Archive(url), today=today, refresh=rarely) as world:
        world.live_until_complete()
        until_no_range_is_missing(world)
        assert_today_is_left_out(world)
        assert not world.poller.account.today
        assert world.scrape().number(EXCEEDED, limit="calls_today") > 0
    assert warned(lines, "calls_today") == 1
    with polled(account, archive=Archive(url), today=today, refresh=rarely) as world:
        world.live_until_complete()
        assert_today_is_left_out(world)
        assert not world.poller.account.today
        world.live(start + 1.5 * 3600 - world.time.now)
        assert assert_today_equals_recount(world, start + 3600) > 5


def test_limit_exceeded_at_the_start_is_0_for_every_limit(world: Polled) -> None:
    assert world.scrape().labels(EXCEEDED, "limit") == set(data_limits.LIMITS)
    assert world.scrape().sum(EXCEEDED) == 0
