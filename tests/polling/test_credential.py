"""Tests of the credential: it is rejected only if a list is, and no other list can be fetched."""

from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from exporter.aircall.errors import CREDENTIAL_REJECTED
from exporter.polling.credential import CredentialState
from exporter.polling.tasks import MANUAL_BACKFILL
from exporter.simulator.faults import Fault
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, Polled, polled
from tests.support.request_log import ERRORS, at_path, request_times

LISTS = {
    "calls": "/v1/calls",
    "availabilities": "/v1/users/availabilities",
    "users": "/v2/users",
    "substatuses": "/v2/users",
    "teams": "/v1/teams",
    "numbers": "/v1/numbers",
}
BOARD = ("/v1/calls", "/v1/users/availabilities")
USERS = ("/v2/users", "/v1/users")


@pytest.fixture
def world() -> Iterator[Polled]:
    with polled(SimulatedAccount(users=12, calls_per_hour=60, start=NOON)) as polled_world:
        polled_world.live_until_complete()
        yield polled_world


@pytest.fixture
def errors() -> Iterator[Callable[[], list[str]]]:
    """Return the events that were logged as errors, and those about the credential."""
    with structlog.testing.capture_logs() as entries:
        yield lambda: [
            entry["event"]
            for entry in entries
            if entry["log_level"] == "error" or "credential" in entry["event"]
        ]


def longest_pause(world: Polled, path: str, since: float) -> float:
    return max(later - earlier for earlier, later in pairwise([since, *request_times(world, path, since)]))


@pytest.mark.parametrize(
    ("code", "paths"),
    [
        ("403", USERS),
        ("401", ("/v1/numbers",)),
        ("403", ("/v1/teams",)),
        ("403", BOARD[:1]),
        ("403", BOARD[1:]),
        ("403", BOARD),
        ("403", (*USERS, "/v1/teams", "/v1/numbers", BOARD[0])),
        ("401", (*USERS, "/v1/teams", "/v1/numbers", BOARD[1])),
    ],
    ids=str,
)
def test_poll_some_lists_are_forbidden_does_not_reject_the_credential(
    world: Polled, errors: Callable[[], list[str]], code: str, paths: tuple[str, ...]
) -> None:
    begun = world.time.now
    world.aircall.faults.append(Fault(at_path(*paths), ERRORS[code]))
    for _ in range(12):
        world.poller.refresh()
        world.live(20)
        assert world.scrape().value("aircall_api_credential_rejected") == 0
    assert errors() == []
    for path in set(BOARD) - set(paths):
        assert longest_pause(world, path, begun) < 13
    world.aircall.faults.clear()
    world.live(400)
    assert errors() == []
    assert world.scrape().value("aircall_up") == 1


@pytest.mark.parametrize("path", [USERS[0], *BOARD])
def test_first_start_one_list_is_forbidden_does_not_reject_the_credential(
    errors: Callable[[], list[str]], path: str
) -> None:
    with polled(SimulatedAccount(users=12, calls_per_hour=60, start=NOON)) as world:
        world.aircall.faults.append(Fault(at_path(path), ERRORS["403"]))
        world.live(120)
        assert errors() == []
        assert world.scrape().value("aircall_api_credential_rejected") == 0


@pytest.mark.parametrize("started", [True, False])
def test_poll_credential_is_wrong_is_logged_once_after_a_few_requests(
    errors: Callable[[], list[str]], started: bool
) -> None:
    with polled(SimulatedAccount(users=12, calls_per_hour=60, start=NOON)) as world:
        if started:
            world.live_until_complete()
        right, world.aircall.api_token = world.aircall.api_token, "another"
        before = len(world.aircall.requests)
        while not errors():
            world.step(world.time.now + 60)
        assert len(world.aircall.requests) - before <= 8
        world.live(120)
        assert errors() == [CREDENTIAL_REJECTED]
        world.aircall.api_token = right
        world.live(60)
        assert errors() == [CREDENTIAL_REJECTED, "Aircall accepts the credential again"]
        assert world.scrape().value("aircall_up") == 1


def test_poll_one_list_is_forbidden_and_others_fail_rejects_the_credential(
    world: Polled, errors: Callable[[], list[str]]
) -> None:
    world.aircall.faults.append(Fault(at_path(BOARD[0]), ERRORS["403"]))
    world.aircall.faults.append(Fault(lambda _: True, ERRORS["500"]))
    world.live(600)
    assert errors() == [CREDENTIAL_REJECTED]


def test_poll_credential_is_revoked_while_another_list_fails_is_rejected(
    world: Polled, errors: Callable[[], list[str]]
) -> None:
    world.aircall.faults.append(Fault(at_path(BOARD[0]), ERRORS["500"]))
    world.aircall.faults.append(Fault(lambda _: True, ERRORS["403"]))
    world.live(60)
    assert errors() == [CREDENTIAL_REJECTED]


tasks = st.sampled_from(sorted(LISTS))
paths = st.sampled_from(sorted(set(LISTS.values())))


def fetch_until_decided(state: CredentialState, task: str, forbidden: set[str], failing: set[str]) -> None:
    """Request the list of a task, and then those that decide."""
    turn: str | None = task
    for _ in range(2 * len(LISTS)):
        if turn is None:
            return
        path = LISTS[turn]
        if path in forbidden:
            state.forbidden(turn, path)
        elif path in failing:
            state.failed(turn, path)
        else:
            state.read(turn, path)
        turn = state.task_to_fetch
    raise AssertionError("no decision after two requests for each list")


@given(
    read=st.permutations(sorted(LISTS)),
    unreadable=st.lists(st.tuples(paths, st.booleans()), max_size=4),  # of five
    turns=st.lists(tasks, max_size=20),
)
def test_forbidden_while_a_list_can_be_read_is_no_rejection(
    read: list[str], unreadable: list[tuple[str, bool]], turns: list[str]
) -> None:
    forbidden = {path for path, is_forbidden in unreadable if is_forbidden}
    failing = {path for path, is_forbidden in unreadable if not is_forbidden}
    state = CredentialState(lambda: LISTS)
    for task in read:
        state.read(task, LISTS[task])
    for task in turns:
        fetch_until_decided(state, task, forbidden, failing)
        assert not state.rejected
        assert state.task_to_fetch is None


@given(
    read=st.lists(tasks),
    forbidden=st.sets(paths, min_size=1),
    before=st.lists(tasks, max_size=10),
    turns=st.lists(tasks, max_size=10),
)
def test_forbidden_while_no_list_can_be_read_is_a_rejection(
    read: list[str], forbidden: set[str], before: list[str], turns: list[str]
) -> None:
    state = CredentialState(lambda: LISTS)
    for task in read:
        state.read(task, LISTS[task])
    for task in before:  # first, one list is forbidden
        fetch_until_decided(state, task, {LISTS["numbers"]}, set())
    failing = set(LISTS.values()) - forbidden
    for task in LISTS:  # then no list can be read
        fetch_until_decided(state, task, forbidden, failing)
    for task in LISTS:
        fetch_until_decided(state, task, forbidden, failing)
    assert state.rejected
    for task in turns:
        fetch_until_decided(state, task, forbidden, failing)
        assert state.rejected
    assert state.read("calls", LISTS["calls"])
    assert not state.rejected


def test_forbidden_without_another_list_is_a_rejection_at_once() -> None:
    assert CredentialState(lambda: ("teams", MANUAL_BACKFILL)).forbidden("teams", "/v1/teams")
