"""Tests of the decoding: any JSON is a page or an error, and a bad object costs only itself."""

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.aircall.call_decoding import decode_calls
from exporter.aircall.decoding import InvalidResponseError, decode_page
from exporter.aircall.models import Availability, Call, Comment, Number, Team, User

GOOD = {"id": 1, "direction": "inbound", "status": "initial", "started_at": 1_619_005_321}
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(
    [
        "id",
        "direction",
        "status",
        "started_at",
        "answered_at",
        "ended_at",
        "raw_digits",
        "user",
        "number",
        "users",
        "name",
    ]
)


def page(*objects: Any, key: str = "calls") -> bytes:
    return json.dumps({"meta": {"next_page_link": None}, key: objects}).encode()


@given(st.lists(anything | st.dictionaries(fields, anything, max_size=6), max_size=5), st.booleans())
def test_decode_page_with_bad_objects_keeps_the_good_one(bad: list[Any], last: bool) -> None:
    objects = [*bad, GOOD] if last else [GOOD, *bad]
    read = decode_page(page(*objects), "calls", Call)
    assert read.items[-1 if last else 0].id == 1
    assert len(read.items) + read.malformed == len(objects)


@given(st.binary() | anything.map(lambda value: json.dumps(value).encode()))
def test_decode_page_any_body_is_a_page_or_an_invalid_response(body: bytes) -> None:
    for kind, key in (
        (Call, "calls"),
        (User, "users"),
        (Team, "teams"),
        (Number, "numbers"),
        (Availability, "users"),
    ):
        with suppress(InvalidResponseError):
            decode_page(body, key, kind)


@pytest.mark.parametrize(
    "change",
    [
        {"id": None},
        {"id": "12"},
        {"id": -1},
        {"id": True},
        {"direction": "sideways"},
        {"status": None},
        {"started_at": None},
        {"started_at": "yesterday"},
        {"started_at": 10**30},
        {"answered_at": "soon"},
        {"user": "John"},
        {"user": {"name": "John"}},
        {"number": 5},
    ],
    ids=str,
)
def test_decode_page_call_with_a_wrong_field_is_left_out(change: dict[str, Any]) -> None:
    read = decode_page(page(GOOD | change, GOOD), "calls", Call)
    assert (len(read.items), read.malformed) == (1, 1)


def test_decode_page_odd_unused_fields_are_ignored() -> None:
    odd = {"created_at": "20120-01-02T09:01:58.000Z", "email": 5, "direct_link": [], "tags": None, "new": {}}
    assert decode_page(page(GOOD | odd), "calls", Call).malformed == 0
    assert decode_page(page({"id": 2, "name": "Vera"} | odd, key="users"), "users", User).malformed == 0


def test_decode_page_ids_beyond_float_precision_are_exact() -> None:
    ids = [2**53, 2**53 + 1, 2**63 - 1]
    read = decode_page(page(*(GOOD | {"id": id_} for id_ in ids)), "calls", Call)
    assert [call.id for call in read.items] == ids


def test_decode_page_id_too_large_for_a_database_leaves_out_its_object() -> None:
    read = decode_page(page(GOOD | {"id": 2**63}, GOOD), "calls", Call)
    assert ([call.id for call in read.items], read.malformed) == ([1], 1)


@pytest.mark.parametrize(
    ("assigned_to", "read"),
    [({"id": 456, "name": "Ada"}, 456), (None, None), ("Ada", None), ({"id": "456"}, None), ([], None)],
)
def test_decode_calls_odd_assignee_keeps_other_details(assigned_to: Any, read: int | None) -> None:
    call = GOOD | {"assigned_to": assigned_to, "tags": [{"name": "VIP"}]}
    details = decode_calls(page(call)).items[0].details
    assert (details.assigned_to_id, details.tag_names) == (read, frozenset({"VIP"}))


@pytest.mark.parametrize(
    "odd",
    [
        {"tags": [{"name": None}, {"name": "VIP"}, 5]},
        {"comments": [{"content": "called back"}, {"content": None}, {"content": "x", "posted_at": 1.5}]},
        {"recording": 5},
        {"asset": []},
        {"voicemail": {}},
    ],
)
def test_decode_calls_odd_detail_keeps_other_details(odd: dict[str, Any]) -> None:
    good = {
        "tags": [{"name": "VIP"}],
        "comments": [{"content": "called back"}],
        "asset": "https://a",
        "recording": "https://r",
        "voicemail": "https://v",
        "assigned_to": {"id": 456},
    }
    complete, details = (decode_calls(page(GOOD | of)).items[0].details for of in (good, good | odd))
    gone = {name: None for name in odd if isinstance(getattr(complete, name), str)}
    assert details == msgspec.structs.replace(complete, **gone)


@pytest.mark.parametrize(
    ("posted_at", "read"),
    [("2026-05-28T20:26:40.000Z", 1_780_000_000), (1_780_000_000, 1_780_000_000), ("soon", None), (-1, None)],
)
def test_comment_time_in_any_format_is_in_unix_seconds_or_none(
    posted_at: str | int, read: int | None
) -> None:
    assert Comment("called back", posted_at).time == read


def test_decode_page_broken_name_keeps_all_users() -> None:
    names = [b'"\\ud83d"', b'"\xff"', b'"\\ud83d\\ude00"']
    body = b",".join(b'{"id": %d, "name": %s}' % (id_, name) for id_, name in enumerate(names, 1))
    body = b'{"users": [' + body + b"]}"
    read = decode_page(body, "users", User)
    assert [user.id for user in read.items] == [1, 2, 3]
    for user in read.items:
        (user.name or "").encode("utf-8")


def test_decode_page_deep_nesting_is_an_invalid_response() -> None:
    with pytest.raises(InvalidResponseError):
        decode_page(b'{"calls":' + b"[" * 100_000, "calls", Call)


@pytest.mark.parametrize(
    ("status", "times", "phase"),
    [
        ("initial", {}, "initial"),
        ("answered", {"answered_at": 5}, "answered"),
        ("done", {"ended_at": 9}, "done"),
        ("something_new", {}, "initial"),
        ("something_new", {"answered_at": 5}, "answered"),
        ("something_new", {"answered_at": 5, "ended_at": 9}, "done"),
    ],
)
def test_call_phase_unknown_status_follows_the_timestamps(
    status: str, times: dict[str, int], phase: str
) -> None:
    assert Call(1, "inbound", status, 1, times.get("answered_at"), times.get("ended_at")).phase == phase


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"availability_status": "open", "open": False}, True),
        ({"availability_status": "closed", "open": True}, False),
        ({"availability_status": "custom", "open": True}, True),
        ({"availability_status": "custom", "open": False}, False),
        ({"availability_status": "custom"}, None),
        ({"availability_status": "custom", "open": "yes"}, None),
        ({"availability_status": "later", "open": True}, None),
        ({"availability_status": [["open"]], "open": {"open": True}}, None),
        ({"open": True}, True),
        ({}, None),
    ],
    ids=str,
)
def test_decode_number_with_any_status_is_open_closed_or_unknown(
    sent: dict[str, Any], expected: bool | None
) -> None:
    read = decode_page(page({"id": 1, "name": "French Office", **sent}, key="numbers"), "numbers", Number)
    assert [number.is_open for number in read.items] == [expected]


@pytest.mark.parametrize(
    ("total", "read"),
    [
        (7, 7),
        ("7", 7),
        (0, 0),
        (-1, None),
        (10**30, None),
        (10**350, None),
        ("9" * 350, None),
        (1.5, None),
        (True, None),
        ([], None),
    ],
)
def test_decode_page_total_that_no_list_can_have_is_ignored(total: object, read: int | None) -> None:
    body = json.dumps({"meta": {"total": total}, "calls": []}).encode()
    assert decode_page(body, "calls", Call).total == read
