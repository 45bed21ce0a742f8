"""Inputs of each target: bytes, nearly valid JSON and YAML, and values at the limits."""

import json
import os
from typing import Any
from urllib.parse import quote

import msgspec
from hypothesis import strategies as st

from exporter.aircall.events import EVENTS
from exporter.archive.criteria import PARAMETERS
from exporter.config.settings import Settings
from exporter.web.config import WebConfig
from tests.fuzzing import targets
from tests.fuzzing.targets import Target

KEYS = [
    "id", "direction", "status", "started_at", "answered_at", "ended_at", "missed_call_reason",
    "raw_digits", "user", "number", "tags", "comments", "name", "content", "posted_at", "asset",
    "recording", "voicemail", "assigned_to", "users", "numbers", "teams", "calls", "call",
    "availability", "time_zone", "language", "digits", "country", "meta", "next_page_link",
]  # fmt: skip
EDGE_CASES: list[Any] = [
    -1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 10**100, 1e308, -0.0, "", "\x00", "\ud800", "0", "1e400",
    "2026-11-23", "20120-01-02T09:01:58.000Z", "inbound", "outbound", "initial", "answered", "done",
    "anonymous", "https://api.aircall.io/v1/calls?page=2", 1_780_000_000, 253_402_300_800,
]  # fmt: skip

text = st.text(st.characters(codec=None, exclude_categories=()), max_size=12)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | text | st.sampled_from(EDGE_CASES)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | text, inner, max_size=12)
    ),
    max_leaves=10,
)


CALL: dict[str, Any] = {
    "id": 7, "direction": "inbound", "status": "done", "started_at": 1_780_000_000,
    "answered_at": 1_780_000_005, "ended_at": 1_780_000_060, "raw_digits": "+33 1", "user": {"id": 1},
    "tags": [{"name": "VIP"}], "comments": [{"content": "called back", "posted_at": "2026-05-28T20:26:40Z"}],
}  # fmt: skip

objects = st.dictionaries(st.sampled_from(KEYS), values, max_size=14) | st.dictionaries(
    st.sampled_from([*CALL]), values, max_size=3
).map(lambda changed: CALL | changed)
"""Objects with any fields, and calls of which some fields have other values."""


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


@st.composite
def pages(draw: st.DrawFn, *lists: str) -> bytes:
    """Draw a response with a list of objects with any fields, sometimes cut off or corrupted."""
    listed = draw(st.lists(objects | values, max_size=4))
    body = {draw(st.sampled_from(lists)): draw(st.sampled_from([listed, *listed[:1]]))}
    if draw(st.booleans()):
        body["meta"] = draw(st.just({"next_page_link": None}) | values)
    whole = as_json(body)
    match draw(st.integers(0, 9)):
        case 0:
            return whole[: draw(st.integers(0, len(whole)))]
        case 1:
            at = draw(st.integers(0, len(whole)))
            return whole[:at] + draw(st.binary(max_size=4)) + whole[at:]
    return whole


def yaml_of(keys: list[str]) -> st.SearchStrategy[bytes]:
    """Return files with some of these keys, and text that is nearly YAML."""
    characters = st.sampled_from(
        [*"{}[]:,-&*!|>'\"%@`#?\n\t ~=<", "a: ", "&a ", "*a", "!!int ", "<<: ", "\n  "]
    )
    inner = sorted({*keys, *(field for kind in (Settings, WebConfig) for field in names(kind))})
    nested = st.recursive(
        scalars,
        lambda each: st.lists(each, max_size=3) | st.dictionaries(st.sampled_from(inner), each, max_size=4),
        max_leaves=12,
    )
    valid = st.dictionaries(st.sampled_from(keys), nested, max_size=4).map(as_json)
    invalid = st.lists(characters | st.sampled_from(inner) | text, max_size=25).map(
        lambda parts: "".join(parts).encode("utf-8", "surrogatepass")
    )
    return valid | invalid | st.binary(max_size=200)


def names(kind: type[msgspec.Struct]) -> list[str]:
    """Return the keys of a file, and those of its sections."""
    found = list(kind.__struct_fields__)
    for default in (field.default for field in msgspec.structs.fields(kind)):
        found += getattr(default, "__struct_fields__", ())
    return [*found, "cert_file", "key_file", "client_ca_file", "min_version"]


query_values = text | st.sampled_from(
    [
        "now",
        "1h",
        "2026-11-23",
        "2026-11-23T14:30+99:99",
        "9" * 13,
        "0001-01-01",
        "9999-12-31",
        "true",
        "٣h",
        "",
    ]
)
queries = st.lists(
    st.tuples(st.sampled_from([each.name for each in PARAMETERS] + ["limit", "cursor", "x"]), query_values),
    max_size=6,
).map(lambda items: "&".join(f"{n}={quote(v.encode('utf-8', 'surrogatepass'))}" for n, v in items).encode())
texts = text.map(lambda value: value.encode("utf-8", "surrogatepass")) | st.binary()

events = st.fixed_dictionaries(
    {
        "event": st.sampled_from([*EVENTS, "user.closed.v2", "call.new"]) | values,
        "timestamp": st.integers(1_780_000_000, 1_780_000_100) | values,
        "token": st.just("the-token") | values,
        "data": objects | values,
    }
).map(as_json)

INPUTS: dict[Target, st.SearchStrategy[bytes]] = {
    targets.answers: pages("calls", "users", "teams", "numbers", "call", "user", "number"),
    targets.calls: pages("calls"),
    targets.events: events,
    targets.next_page_link: texts | st.from_regex(rb"https?://[\[\]a-z/]{0,9}\?[&=%a-f0-9+;#]{0,20}"),
    targets.headers: texts | st.from_regex(rb"[-+0-9.eE_,: ]{1,25}|Sun, [0-9]{2} (Feb|Nov) [0-9: ]{1,20}"),
    targets.configuration: yaml_of([*Settings.__struct_fields__]),
    targets.web_configuration: yaml_of([*WebConfig.__struct_fields__]),
    targets.query: queries,
    targets.texts: texts | st.from_regex(rb"([0-9]{1,13}(y|w|d|h|m|s|ms)){1,4}"),
}


EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "60"))
