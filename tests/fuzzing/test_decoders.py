"""Whatever others write is read, or refused by an error of our own, and no good object is lost.

More of it by hand: FUZZ_EXAMPLES=100000 pytest tests/fuzzing/test_decoders.py
"""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.aircall.call_decoding import decode_calls
from exporter.aircall.decoding import decode_page
from exporter.aircall.models import Availability, Call, Number, Team, User
from tests.fuzzing.inputs import EXAMPLES, INPUTS, KEYS, as_json, values
from tests.fuzzing.targets import TARGETS, Target

GOOD: dict[str, tuple[type, dict[str, Any]]] = {
    "calls": (Call, {"id": 1, "direction": "inbound", "status": "initial", "started_at": 1_780_000_000}),
    "users": (User, {"id": 1, "name": "Ada"}),
    "teams": (Team, {"id": 1, "users": [{"id": 2}]}),
    "numbers": (Number, {"id": 1}),
    "availabilities": (Availability, {"id": 1, "availability": "available"}),
}


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.__name__)
def test_nothing_is_raised_but_what_is_foreseen(target: Target) -> None:
    @settings(max_examples=EXAMPLES)
    @given(INPUTS[target])
    def thrown(data: bytes) -> None:
        target(data)

    thrown()


@pytest.mark.parametrize("key", GOOD)
def test_the_good_objects_of_a_page_are_all_read(key: str) -> None:
    kind, good = GOOD[key]
    others = st.lists(values | st.dictionaries(st.sampled_from(KEYS), values, max_size=8), max_size=3)

    @settings(max_examples=EXAMPLES)
    @given(others, others, st.dictionaries(st.text("zyx", min_size=1), values, max_size=3))
    def thrown(before: list[Any], behind: list[Any], more: dict[str, Any]) -> None:
        listed = [*before, good | more, *behind]
        page = decode_page(as_json({key: listed}), key, kind)
        assert page.malformed + len(page.items) == len(listed)
        assert decode_page(as_json({key: [good]}), key, kind).items[0] in page.items
        if key == "calls":
            read = decode_calls(json.dumps({key: listed}, ensure_ascii=False).encode("utf-8", "replace"))
            assert len(read.items) == len(page.items)

    thrown()
