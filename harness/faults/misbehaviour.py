"""Ways in which the simulated API misbehaves while a context is entered."""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count, cycle
from typing import Any, cast

from starlette.responses import Response

from exporter.aircall.transport import Transport
from exporter.simulator import faults
from exporter.simulator.faults import Exchange, Fault, Hang, Respond
from exporter.simulator.server import SimulatedAircall
from harness.raw_server import Serve, raw_server

Misbehaving = Callable[[SimulatedAircall], AbstractContextManager[object]]


def answering(respond: Respond, match: Callable[[str], bool] = lambda _: True) -> Misbehaving:
    """Answer requests whose path matches by `respond`."""
    return lambda aircall: with_faults(aircall, Fault(match, respond))


@contextmanager
def with_faults(aircall: SimulatedAircall, *added: Fault) -> Iterator[None]:
    """Add faults to the simulated API."""
    aircall.faults.extend(added)
    yield
    aircall.faults[:] = [fault for fault in aircall.faults if fault not in added]


@contextmanager
def never_answered(aircall: SimulatedAircall) -> Iterator[None]:
    """Accept requests and never answer them."""
    hang = Hang()
    with with_faults(aircall, Fault(lambda _: True, hang)):
        yield
    hang.released.set()


@contextmanager
def server_down(aircall: SimulatedAircall) -> Iterator[None]:
    """Refuse connections."""
    aircall.port = int(aircall.base_url.rpartition(":")[2])
    aircall.__exit__(None, None, None)
    yield
    aircall.__enter__()


def raw_bytes(serve: Serve) -> Misbehaving:
    """Answer with bytes that no HTTP server would send."""

    @contextmanager
    def inject(aircall: SimulatedAircall) -> Iterator[None]:
        with server_down(aircall), raw_server(serve, aircall.port):
            yield

    return inject


@contextmanager
def no_ca_bundle(aircall: SimulatedAircall) -> Iterator[None]:
    """Have each request use CA certificates that are missing, as if it were sent over https."""
    verify = Transport.cert_verify

    def missing(self: Transport, conn: Any, url: str, *_: Any) -> None:
        cast("Any", verify)(self, conn, url.replace("http://", "https://"), "/no/such/bundle.pem", None)

    Transport.cert_verify = missing  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        Transport.cert_verify = verify  # type: ignore[method-assign]


@contextmanager
def credential_rejected(aircall: SimulatedAircall) -> Iterator[None]:
    """Reject the credential."""
    key, aircall.api_token = aircall.api_token, "another"
    yield
    aircall.api_token = key


def limit_used_up(**headers: Any) -> Misbehaving:
    """Let another integration use up the limit of each minute. `headers` say how the API reports it."""

    @contextmanager
    def inject(aircall: SimulatedAircall) -> Iterator[None]:
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

    return inject


def links_to(query: Callable[[], str]) -> Respond:
    """Let each page link to another one with this query."""

    def change(content: Any) -> None:
        if "meta" in content:
            content["meta"]["next_page_link"] = f"https://api.aircall.io/v1/anything?{query()}"

    return faults.edited(change)


def circular_links() -> Respond:
    """Let each page link to the first one."""
    return links_to(lambda: "page=1&per_page=50&order=desc")


def endless_links(aircall: SimulatedAircall) -> AbstractContextManager[None]:
    """Let each page link to another copy of itself."""
    numbers = count(1)
    return with_faults(aircall, Fault(lambda _: True, links_to(lambda: f"order=desc&again={next(numbers)}")))


def duplicated(content: Any) -> None:
    """List each object twice."""
    for items in content.values():
        if isinstance(items, list):
            items.extend(items[:])


def emptied(content: Any) -> None:
    """Leave out all objects of a list, also in its `meta.total`."""
    for key in ("users", "teams", "numbers"):
        content[key] = [] if key in content else None
    content["meta"] |= {"count": 0, "total": 0, "next_page_link": None}


def emptied_with_total(content: Any) -> None:
    """Leave out all objects of a list, but not in its `meta.total`."""
    total = content["meta"]["total"]
    emptied(content)
    content["meta"]["total"] = total


def second_page_emptied(content: Any) -> None:
    """Leave out the objects of the second page of a list."""
    if content["meta"]["current_page"] == 2:
        emptied(content)


def without_users(content: Any) -> None:
    """Leave out the users of teams and numbers."""
    for each in content.get("teams", [content.get("number", {})]):
        each["users"] = []


def changed_lists(change: Callable[[Any], None]) -> Misbehaving:
    """Change the lists of users, teams, numbers and availabilities."""
    lists = ("/v2/users", "/v1/teams", "/v1/numbers", "/v1/users/availabilities")
    return answering(faults.edited(change), lambda path: path in lists)


def vanishing_calls(aircall: SimulatedAircall) -> AbstractContextManager[None]:
    """Leave out every second call of lists, and answer 404 to requests for it."""

    def without(content: Any) -> None:
        content["calls"] = [call for call in content["calls"] if call["id"] % 2]

    def gone(path: str) -> bool:
        return path.startswith("/v1/calls/") and not int(path.rpartition("/")[2]) % 2

    missing = Fault(gone, faults.answer(404))
    return with_faults(aircall, Fault(lambda path: path == "/v1/calls", faults.edited(without)), missing)


def new_calls(aircall: SimulatedAircall) -> AbstractContextManager[None]:
    """Let calls begin and end between one page and the next."""
    account = aircall.account

    async def respond(exchange: Exchange) -> Response:
        answer = exchange.normal_response()
        for _ in range(10):
            call = account.ring_in(next(iter(account.numbers)), "+33 1 99 99 99 99")
            account.miss(call.id, "short_abandoned")
        return answer

    return with_faults(aircall, Fault(lambda path: path == "/v1/calls", respond))


def user_deletions(aircall: SimulatedAircall) -> AbstractContextManager[None]:
    """Delete a user of each page after it was served, so the first user of the next page is skipped."""
    account = aircall.account

    def delete(content: Any) -> None:
        listed = {user["id"] for user in content["users"]} & account.users.keys()
        idle = listed - {call.user_id for call in account.calls.values()}
        if idle and len(account.users) > 50:
            account.remove_user(min(idle))

    return with_faults(aircall, Fault(lambda path: path == "/v1/users/availabilities", faults.edited(delete)))


@contextmanager
def large_ids(aircall: SimulatedAircall) -> Iterator[None]:
    """Use ids above 2^53."""
    account = aircall.account
    account.call_ids, account.user_ids = count(2**53 + 1), count(2**53 + 1)
    call = account.dial(account.add_user("Large Id").id, next(iter(account.numbers)), "+33 1 99 99 99 99")
    account.hang_up(call.id)
    yield


@contextmanager
def clock_jump(aircall: SimulatedAircall) -> Iterator[None]:
    """Set Aircall's clock ten minutes ahead."""
    aircall.clock_skew += 600
    yield


def wrong_date(error: float, lasting: float = math.inf) -> Misbehaving:
    """`Date` alone is wrong by `error` seconds, for `lasting` seconds at most."""

    @contextmanager
    def inject(aircall: SimulatedAircall) -> Iterator[None]:
        def repair() -> None:
            aircall.date_error = 0

        aircall.date_error = error
        if lasting < math.inf:
            aircall.account.schedule(aircall.account.now + lasting, repair)
        yield
        repair()

    return inject


def machine_set(error: float) -> Misbehaving:
    """Set the wall clock of the exporter's machine wrong by `error` seconds."""

    @contextmanager
    def inject(aircall: SimulatedAircall) -> Iterator[None]:
        machine: Any = aircall.clock
        machine.wall_error = error
        yield
        machine.wall_error = 0

    return inject


@contextmanager
def one_wrong_server(aircall: SimulatedAircall) -> Iterator[None]:
    """Let one of three servers send a `Date` that is ten minutes ahead."""
    errors = cycle((600, 0, 0))

    async def respond(exchange: Exchange) -> Response:
        aircall.date_error = next(errors)
        return exchange.normal_response()

    with with_faults(aircall, Fault(lambda _: True, respond)):
        yield
    aircall.date_error = 0
