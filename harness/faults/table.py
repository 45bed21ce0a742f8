"""Every way in which Aircall may misbehave: test_faults.py runs it, docs/reliability.md shows it."""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import count, cycle
from typing import Any, cast

from starlette.responses import Response

from exporter.aircall.client import REQUEST_TIMEOUT_S
from exporter.aircall.transport import Transport
from exporter.simulator import faults
from exporter.simulator.faults import Exchange, Fault, Hang, Respond
from exporter.simulator.server import SimulatedAircall
from harness.faults.board_checks import FAILING, FRESH, KEPT, KNOWN, STALE, THROTTLED, TRUE, Board
from harness.raw_server import Serve, dripping, raw_server

DAY = 86_400

CONFUSED = 600
"""Seconds within which calls that turn up late, or again, are read."""

Misbehaving = Callable[[SimulatedAircall], AbstractContextManager[object]]


@dataclass(frozen=True)
class Trouble:
    """A fault of Aircall's.

    It misbehaves while `happening` is entered, and is `served` with this from the beginning. `settled`
    is how many seconds after the end everything has been read that the fault kept back, where that is
    more than the board.
    """

    fault: str
    done: str
    board: Board
    happening: Misbehaving = nullcontext
    settled: int = 0
    given_up: float = 0.0
    """After how many seconds the exporter gives up each request, where it has to."""
    moment: float = 0.1
    """Seconds of real time that this takes in the test; longer if other requests are answered meanwhile."""
    served: dict[str, Any] = field(default_factory=dict)
    refreshed: bool = False
    """Whether the exporter reads users, teams, numbers and assignments meanwhile."""


def answering(respond: Respond, match: Callable[[str], bool] = lambda _: True) -> Misbehaving:
    """Answer by `respond` what is asked of a path that matches."""
    return lambda aircall: _faulty(aircall, Fault(match, respond))


@contextmanager
def _faulty(aircall: SimulatedAircall, *added: Fault) -> Iterator[None]:
    aircall.faults.extend(added)
    yield
    aircall.faults[:] = [fault for fault in aircall.faults if fault not in added]


@contextmanager
def _silent(aircall: SimulatedAircall) -> Iterator[None]:
    hang = Hang()
    with _faulty(aircall, Fault(lambda _: True, hang)):
        yield
    hang.released.set()


@contextmanager
def _away(aircall: SimulatedAircall) -> Iterator[None]:
    aircall.port = int(aircall.base_url.rpartition(":")[2])
    aircall.__exit__(None, None, None)
    yield
    aircall.__enter__()


def _below_http(serve: Serve) -> Misbehaving:
    """Answer byte by byte in Aircall's place, which no HTTP server would do."""

    @contextmanager
    def happening(aircall: SimulatedAircall) -> Iterator[None]:
        with _away(aircall), raw_server(serve, aircall.port):
            yield

    return happening


@contextmanager
def _no_ca_bundle(aircall: SimulatedAircall) -> Iterator[None]:
    """Have each request look for CA certificates that are not there, as if it were made over https."""
    verify = Transport.cert_verify

    def missing(self: Transport, conn: Any, url: str, *_: Any) -> None:
        cast("Any", verify)(self, conn, url.replace("http://", "https://"), "/no/such/bundle.pem", None)

    Transport.cert_verify = missing  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        Transport.cert_verify = verify  # type: ignore[method-assign]


@contextmanager
def _other_key(aircall: SimulatedAircall) -> Iterator[None]:
    key, aircall.api_token = aircall.api_token, "another"
    yield
    aircall.api_token = key


def _burned(**headers: Any) -> Misbehaving:
    """Another integration takes all that there is in each minute; the headers are as given."""

    @contextmanager
    def happening(aircall: SimulatedAircall) -> Iterator[None]:
        before = {name: getattr(aircall, name) for name in headers}
        burning = True

        def burn() -> None:
            if burning:
                aircall.spend(aircall.rate_limit)
                aircall.account.schedule(aircall.account.now // 60 * 60 + 60, burn)

        for name, value in headers.items():
            setattr(aircall, name, value)
        burn()
        yield
        burning = False
        for name, value in before.items():
            setattr(aircall, name, value)

    return happening


def _links_to(query: Callable[[], str]) -> Respond:
    def change(content: Any) -> None:
        if "meta" in content:
            content["meta"]["next_page_link"] = f"https://api.aircall.io/v1/anything?{query()}"

    return faults.edited(change)


def _in_a_circle() -> Respond:
    return _links_to(lambda: "page=1&per_page=50&order=desc")


def _on_for_ever(aircall: SimulatedAircall) -> AbstractContextManager[None]:
    numbers = count(1)
    return _faulty(aircall, Fault(lambda _: True, _links_to(lambda: f"order=desc&again={next(numbers)}")))


def _twice(content: Any) -> None:
    for items in content.values():
        if isinstance(items, list):
            items.extend(items[:])


def _empty(content: Any) -> None:
    for key in ("users", "teams", "numbers"):
        content[key] = [] if key in content else None
    content["meta"] |= {"count": 0, "total": 0, "next_page_link": None}


def _empty_with_total(content: Any) -> None:
    total = content["meta"]["total"]
    _empty(content)
    content["meta"]["total"] = total


def _second_page_empty(content: Any) -> None:
    if content["meta"]["current_page"] == 2:
        _empty(content)


def _without_users(content: Any) -> None:
    for each in content.get("teams", [content.get("number", {})]):
        each["users"] = []


def _lists(change: Callable[[Any], None]) -> Misbehaving:
    """Change the lists of users, teams, numbers and availabilities."""
    lists = ("/v2/users", "/v1/teams", "/v1/numbers", "/v1/users/availabilities")
    return answering(faults.edited(change), lambda path: path in lists)


def _vanishing(aircall: SimulatedAircall) -> AbstractContextManager[None]:
    """Each second call is in no list, and is not found by its id."""

    def without(content: Any) -> None:
        content["calls"] = [call for call in content["calls"] if call["id"] % 2]

    def gone(path: str) -> bool:
        return path.startswith("/v1/calls/") and not int(path.rpartition("/")[2]) % 2

    missing = Fault(gone, faults.answer(404))
    return _faulty(aircall, Fault(lambda path: path == "/v1/calls", faults.edited(without)), missing)


def _new_calls(aircall: SimulatedAircall) -> AbstractContextManager[None]:
    """Let calls begin and end between one page and the next."""
    account = aircall.account

    async def respond(exchange: Exchange) -> Response:
        answer = exchange.normal_response()
        for _ in range(10):
            call = account.ring_in(next(iter(account.numbers)), "+33 1 99 99 99 99")
            account.miss(call.id, "short_abandoned")
        return answer

    return _faulty(aircall, Fault(lambda path: path == "/v1/calls", respond))


def _deletions(aircall: SimulatedAircall) -> AbstractContextManager[None]:
    """Delete a user of each page after it was served, so the first user of the next page is skipped."""
    account = aircall.account

    def delete(content: Any) -> None:
        listed = {user["id"] for user in content["users"]} & account.users.keys()
        idle = listed - {call.user_id for call in account.calls.values()}
        if idle and len(account.users) > 50:
            account.remove_user(min(idle))

    return _faulty(aircall, Fault(lambda path: path == "/v1/users/availabilities", faults.edited(delete)))


@contextmanager
def _large_ids(aircall: SimulatedAircall) -> Iterator[None]:
    account = aircall.account
    account.call_ids, account.user_ids = count(2**53 + 1), count(2**53 + 1)
    call = account.dial(account.add_user("Large Id").id, next(iter(account.numbers)), "+33 1 99 99 99 99")
    account.hang_up(call.id)
    yield


@contextmanager
def _leap(aircall: SimulatedAircall) -> Iterator[None]:
    aircall.clock_skew += 600
    yield


def _wrong_date(error: float, lasting: float = math.inf) -> Misbehaving:
    """`Date` alone is wrong by `error` seconds, for `lasting` seconds at most."""

    @contextmanager
    def happening(aircall: SimulatedAircall) -> Iterator[None]:
        def repair() -> None:
            aircall.date_error = 0

        aircall.date_error = error
        if lasting < math.inf:
            aircall.account.schedule(aircall.account.now + lasting, repair)
        yield
        repair()

    return happening


def _machine_set(error: float) -> Misbehaving:
    """Set the wall clock of the exporter's machine wrong by `error` seconds."""

    @contextmanager
    def happening(aircall: SimulatedAircall) -> Iterator[None]:
        machine: Any = aircall.clock
        machine.wall_error = error
        yield
        machine.wall_error = 0

    return happening


@contextmanager
def _one_wrong_server(aircall: SimulatedAircall) -> Iterator[None]:
    errors = cycle((600, 0, 0))

    async def respond(exchange: Exchange) -> Response:
        aircall.date_error = next(errors)
        return exchange.normal_response()

    with _faulty(aircall, Fault(lambda _: True, respond)):
        yield
    aircall.date_error = 0


_HTML = b"<!doctype html><title>Back soon</title>"

TROUBLES = (
    Trouble("5xx", "500 to everything", STALE, answering(faults.answer(500, b"oops"))),
    Trouble("5xx in HTML", "a proxy's 502", STALE, answering(faults.answer(502, _HTML, "text/html"))),
    Trouble("HTML with 200", "a web page", STALE, answering(faults.answer(200, _HTML, "text/html"))),
    Trouble("empty answers", "200 and no body", STALE, answering(faults.answer(200))),
    Trouble("cut-off bodies", "half of the JSON, as if it were all", STALE, answering(faults.cut_off)),
    Trouble("resets mid-body", "half of the answer, then a TCP reset", STALE, answering(faults.reset)),
    Trouble("no answer", "the connection closed", STALE, answering(faults.close_connection)),
    Trouble(
        "dripping bodies",
        "never the last byte",
        STALE,
        answering(faults.drip),
        given_up=REQUEST_TIMEOUT_S,
    ),
    Trouble(
        "responses that never come",
        "requests accepted and never answered",
        STALE,
        _silent,
        given_up=REQUEST_TIMEOUT_S,
    ),
    Trouble(
        "headers that drip",
        "one byte at a time",
        STALE,
        _below_http(dripping(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 10**6, b"")),
        given_up=REQUEST_TIMEOUT_S,
    ),
    Trouble(
        "endless `100 Continue`",
        "and never another answer",
        STALE,
        _below_http(dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n")),
        given_up=REQUEST_TIMEOUT_S,
    ),
    Trouble("idle connections dropped", "reset when they are used again", TRUE, answering(faults.DropIdle())),
    Trouble(
        "idle connections dropped",
        "silently, as by a NAT",
        TRUE,
        answering(faults.DropIdle(silently=True)),
        given_up=REQUEST_TIMEOUT_S,
        moment=1.0,
    ),
    Trouble("server down", "connections refused", STALE, _away),
    Trouble("no CA certificates", "the file is missing", STALE, _no_ca_bundle),
    Trouble("50 MB answers", "50 MB of spaces behind the JSON", STALE, answering(faults.padded(50_000_000))),
    Trouble("the key revoked", "403 until it is valid again", STALE, _other_key),
    Trouble("429 storm", "another integration burns the limit", THROTTLED, _burned()),
    Trouble("429 storm", "reset in milliseconds", THROTTLED, _burned(reset_unit="milliseconds")),
    Trouble("429 storm", "no headers", THROTTLED, _burned(limit_headers="never")),
    Trouble("429 storm", "reset an hour ago", THROTTLED, _burned(reset_error=-3600)),
    Trouble("429 storm", "reset in a day", THROTTLED, _burned(reset_error=86_400)),
    Trouble("`next_page_link` loops", "each page links to the first", FAILING, answering(_in_a_circle())),
    Trouble("`next_page_link` never ends", "each page links to a copy of itself", FAILING, _on_for_ever),
    Trouble(
        "empty lists",
        "200 without users, teams, numbers",
        KEPT,
        _lists(_empty),
        refreshed=True,
        settled=CONFUSED,
    ),
    Trouble("empty lists", "and a `meta.total` above 0", KEPT, _lists(_empty_with_total), refreshed=True),
    Trouble("empty pages", "each second page of a list", KNOWN, _lists(_second_page_empty), refreshed=True),
    Trouble(
        "no assignments",
        "teams and numbers without users",
        TRUE,
        answering(faults.edited(_without_users), lambda path: path.startswith(("/v1/teams", "/v1/numbers/"))),
        refreshed=True,
        settled=CONFUSED,
    ),
    Trouble("pages that shift", "ten calls begin behind each page of calls", TRUE, _new_calls),
    Trouble("duplicate calls", "all of every list twice", TRUE, answering(faults.edited(_twice))),
    Trouble("vanishing calls", "each second one unlisted, and 404", FRESH, _vanishing, settled=CONFUSED),
    Trouble("users deleted mid-sweep", "one behind each page of availabilities", TRUE, _deletions),
    Trouble("ids beyond 2^53", "calls and a user", TRUE, _large_ids),
    Trouble("clocks apart", "Aircall's ten minutes ahead", TRUE, served={"clock_skew": 600}),
    Trouble("clocks apart", "Aircall's ten minutes behind", TRUE, served={"clock_skew": -600}),
    Trouble("a jump of the clock", "Aircall's, ten minutes ahead", TRUE, _leap, settled=CONFUSED),
    Trouble("one wrong server of three", "`Date` ten minutes ahead", TRUE, _one_wrong_server),
    Trouble("`Date` alone wrong", "ten minutes ahead", TRUE, _wrong_date(600)),
    Trouble("`Date` alone wrong", "a day ahead for 20 seconds", TRUE, _wrong_date(DAY, lasting=20)),
    Trouble("`Date` alone wrong", "a day behind", TRUE, _wrong_date(-DAY)),
    Trouble("`Date` alone wrong", "40 days ahead", TRUE, _wrong_date(40 * DAY)),
    Trouble("this machine's clock set", "a day ahead", TRUE, _machine_set(DAY)),
    Trouble("this machine's clock set", "a day behind", TRUE, _machine_set(-DAY)),
)
