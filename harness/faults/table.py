"""Every way in which Aircall may misbehave: test_faults.py runs it, docs/reliability.md shows it."""

from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from exporter.aircall.client import REQUEST_TIMEOUT_S
from exporter.simulator import faults
from harness.faults.board_checks import FAILING, FRESH, KEPT, KNOWN, STALE, THROTTLED, TRUE, Board
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

CONFUSED = 600
"""Seconds within which calls that turn up late, or again, are read."""


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
        never_answered,
        given_up=REQUEST_TIMEOUT_S,
    ),
    Trouble(
        "headers that drip",
        "one byte at a time",
        STALE,
        raw_bytes(dripping(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 10**6, b"")),
        given_up=REQUEST_TIMEOUT_S,
    ),
    Trouble(
        "endless `100 Continue`",
        "and never another answer",
        STALE,
        raw_bytes(dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n")),
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
    Trouble("server down", "connections refused", STALE, server_down),
    Trouble("no CA certificates", "the file is missing", STALE, no_ca_bundle),
    Trouble("50 MB answers", "50 MB of spaces behind the JSON", STALE, answering(faults.padded(50_000_000))),
    Trouble("the key revoked", "403 until it is valid again", STALE, credential_rejected),
    Trouble("429 storm", "another integration burns the limit", THROTTLED, limit_used_up()),
    Trouble("429 storm", "reset in milliseconds", THROTTLED, limit_used_up(reset_unit="milliseconds")),
    Trouble("429 storm", "no headers", THROTTLED, limit_used_up(limit_headers="never")),
    Trouble("429 storm", "reset an hour ago", THROTTLED, limit_used_up(reset_error=-3600)),
    Trouble("429 storm", "reset in a day", THROTTLED, limit_used_up(reset_error=86_400)),
    Trouble("`next_page_link` loops", "each page links to the first", FAILING, answering(circular_links())),
    Trouble("`next_page_link` never ends", "each page links to a copy of itself", FAILING, endless_links),
    Trouble(
        "empty lists",
        "200 without users, teams, numbers",
        KEPT,
        changed_lists(emptied),
        refreshed=True,
        settled=CONFUSED,
    ),
    Trouble(
        "empty lists", "and a `meta.total` above 0", KEPT, changed_lists(emptied_with_total), refreshed=True
    ),
    Trouble(
        "empty pages", "each second page of a list", KNOWN, changed_lists(second_page_emptied), refreshed=True
    ),
    Trouble(
        "no assignments",
        "teams and numbers without users",
        TRUE,
        answering(faults.edited(without_users), lambda path: path.startswith(("/v1/teams", "/v1/numbers/"))),
        refreshed=True,
        settled=CONFUSED,
    ),
    Trouble("pages that shift", "ten calls begin behind each page of calls", TRUE, new_calls),
    Trouble("duplicate calls", "all of every list twice", TRUE, answering(faults.edited(duplicated))),
    Trouble("vanishing calls", "each second one unlisted, and 404", FRESH, vanishing_calls, settled=CONFUSED),
    Trouble("users deleted mid-sweep", "one behind each page of availabilities", TRUE, user_deletions),
    Trouble("ids beyond 2^53", "calls and a user", TRUE, large_ids),
    Trouble("clocks apart", "Aircall's ten minutes ahead", TRUE, served={"clock_skew": 600}),
    Trouble("clocks apart", "Aircall's ten minutes behind", TRUE, served={"clock_skew": -600}),
    Trouble("a jump of the clock", "Aircall's, ten minutes ahead", TRUE, clock_jump, settled=CONFUSED),
    Trouble("one wrong server of three", "`Date` ten minutes ahead", TRUE, one_wrong_server),
    Trouble("`Date` alone wrong", "ten minutes ahead", TRUE, wrong_date(600)),
    Trouble("`Date` alone wrong", "a day ahead for 20 seconds", TRUE, wrong_date(DAY, lasting=20)),
    Trouble("`Date` alone wrong", "a day behind", TRUE, wrong_date(-DAY)),
    Trouble("`Date` alone wrong", "40 days ahead", TRUE, wrong_date(40 * DAY)),
    Trouble("this machine's clock set", "a day ahead", TRUE, machine_set(DAY)),
    Trouble("this machine's clock set", "a day behind", TRUE, machine_set(-DAY)),
)
