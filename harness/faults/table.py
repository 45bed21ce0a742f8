"""Every way in which Aircall may misbehave: test_faults.py runs it, docs/reliability.md shows it."""

from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from exporter.aircall.http_session import REQUEST_TIMEOUT_S
from exporter.simulator import faults
from harness.faults.board_checks import FAILING, FRESH, KNOWN, STALE, THROTTLED, TRUE, UNCHANGED, Board
from harness.faults.misbehaviour import (
    Misbehaving,
    answering,
    changed_lists,
    circular_links,
    clock_jump,
    credential_rejected,
    duplicated,
    emptied,
    emptied_with_total,
    endless_links,
    large_ids,
    limit_used_up,
    machine_set,
    never_answered,
    new_calls,
    no_ca_bundle,
    one_wrong_server,
    raw_bytes,
    second_page_emptied,
    server_down,
    user_deletions,
    vanishing_calls,
    without_users,
    wrong_date,
)
from harness.raw_server import dripping

DAY = 86_400

DELAYED_S = 600
"""Seconds within which calls that appear late, or again, are fetched."""


@dataclass(frozen=True)
class FaultCase:
    """A fault of Aircall, and the board that the exporter shows while it lasts."""

    fault: str
    detail: str
    board: Board
    inject: Misbehaving = nullcontext
    """The context during which the simulated API has the fault."""
    delay: int = 0
    """Seconds after the end of the fault until all calls are fetched, if that is later than the board."""
    request_timeout: float = 0.0
    """Seconds after which the exporter gives up each request, if it does."""
    moment: float = 0.1
    """Seconds of real time that such a request takes in the test; longer if others are answered meanwhile."""
    served: dict[str, Any] = field(default_factory=dict)
    """Options of the simulated API, from the start."""
    refresh: bool = False
    """Whether users, teams, numbers and assignments are fetched during the fault."""


_HTML = b"<!doctype html><title>Back soon</title>"

FAULT_CASES = (
    FaultCase("5xx", "500 to everything", STALE, answering(faults.answer(500, b"oops"))),
    FaultCase("5xx in HTML", "a proxy's 502", STALE, answering(faults.answer(502, _HTML, "text/html"))),
    FaultCase("HTML with 200", "a web page", STALE, answering(faults.answer(200, _HTML, "text/html"))),
    FaultCase("empty answers", "200 and no body", STALE, answering(faults.answer(200))),
    FaultCase("cut-off bodies", "half of the JSON, as if it were all", STALE, answering(faults.cut_off)),
    FaultCase("resets mid-body", "half of the answer, then a TCP reset", STALE, answering(faults.reset)),
    FaultCase("no answer", "the connection closed", STALE, answering(faults.close_connection)),
    FaultCase(
        "dripping bodies",
        "never the last byte",
        STALE,
        answering(faults.drip),
        request_timeout=REQUEST_TIMEOUT_S,
    ),
    FaultCase(
        "responses that never come",
        "requests accepted and never answered",
        STALE,
        never_answered,
        request_timeout=REQUEST_TIMEOUT_S,
    ),
    FaultCase(
        "headers that drip",
        "one byte at a time",
        STALE,
        raw_bytes(dripping(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 10**6, b"")),
        request_timeout=REQUEST_TIMEOUT_S,
    ),
    FaultCase(
        "endless `100 Continue`",
        "and never another answer",
        STALE,
        raw_bytes(dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n")),
        request_timeout=REQUEST_TIMEOUT_S,
    ),
    FaultCase(
        "idle connections dropped", "reset when they are used again", TRUE, answering(faults.DropIdle())
    ),
    FaultCase(
        "idle connections dropped",
        "silently, as by a NAT",
        TRUE,
        answering(faults.DropIdle(silently=True)),
        request_timeout=REQUEST_TIMEOUT_S,
        moment=1.0,
    ),
    FaultCase("server down", "connections refused", STALE, server_down),
    FaultCase("no CA certificates", "the file is missing", STALE, no_ca_bundle),
    FaultCase(
        "50 MB answers", "50 MB of spaces behind the JSON", STALE, answering(faults.padded(50_000_000))
    ),
    FaultCase("the key revoked", "403 until it is valid again", STALE, credential_rejected),
    FaultCase("429 storm", "another integration burns the limit", THROTTLED, limit_used_up()),
    FaultCase("429 storm", "reset in milliseconds", THROTTLED, limit_used_up(reset_unit="milliseconds")),
    FaultCase("429 storm", "no headers", THROTTLED, limit_used_up(limit_headers="never")),
    FaultCase("429 storm", "reset an hour ago", THROTTLED, limit_used_up(reset_error=-3600)),
    FaultCase("429 storm", "reset in a day", THROTTLED, limit_used_up(reset_error=86_400)),
    FaultCase("`next_page_link` loops", "each page links to the first", FAILING, answering(circular_links())),
    FaultCase("`next_page_link` never ends", "each page links to a copy of itself", FAILING, endless_links),
    FaultCase(
        "empty lists",
        "200 without users, teams, numbers",
        UNCHANGED,
        changed_lists(emptied),
        refresh=True,
        delay=DELAYED_S,
    ),
    FaultCase(
        "empty lists",
        "and a `meta.total` above 0",
        UNCHANGED,
        changed_lists(emptied_with_total),
        refresh=True,
    ),
    FaultCase(
        "empty pages", "each second page of a list", KNOWN, changed_lists(second_page_emptied), refresh=True
    ),
    FaultCase(
        "no assignments",
        "teams and numbers without users",
        TRUE,
        answering(faults.edited(without_users), lambda path: path.startswith(("/v1/teams", "/v1/numbers/"))),
        refresh=True,
        delay=DELAYED_S,
    ),
    FaultCase("pages that shift", "ten calls begin behind each page of calls", TRUE, new_calls),
    FaultCase("duplicate calls", "all of every list twice", TRUE, answering(faults.edited(duplicated))),
    FaultCase(
        "vanishing calls", "each second one unlisted, and 404", FRESH, vanishing_calls, delay=DELAYED_S
    ),
    FaultCase("users deleted mid-sweep", "one behind each page of availabilities", TRUE, user_deletions),
    FaultCase("ids beyond 2^53", "calls and a user", TRUE, large_ids),
    FaultCase("clocks apart", "Aircall's ten minutes ahead", TRUE, served={"clock_skew": 600}),
    FaultCase("clocks apart", "Aircall's ten minutes behind", TRUE, served={"clock_skew": -600}),
    FaultCase("a jump of the clock", "Aircall's, ten minutes ahead", TRUE, clock_jump, delay=DELAYED_S),
    FaultCase("one wrong server of three", "`Date` ten minutes ahead", TRUE, one_wrong_server),
    FaultCase("`Date` alone wrong", "ten minutes ahead", TRUE, wrong_date(600)),
    FaultCase("`Date` alone wrong", "a day ahead for 20 seconds", TRUE, wrong_date(DAY, lasting=20)),
    FaultCase("`Date` alone wrong", "a day behind", TRUE, wrong_date(-DAY)),
    FaultCase("`Date` alone wrong", "40 days ahead", TRUE, wrong_date(40 * DAY)),
    FaultCase("this machine's clock set", "a day ahead", TRUE, machine_set(DAY)),
    FaultCase("this machine's clock set", "a day behind", TRUE, machine_set(-DAY)),
)
