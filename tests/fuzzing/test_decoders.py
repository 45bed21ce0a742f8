"""Everything that parses external data, with generated input.

More examples, by hand: FUZZ_EXAMPLES=100000 pytest tests/fuzzing/test_decoders.py
"""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.aircall.call_decoding import decode_calls
from exporter.aircall.decoding import decode_page
from exporter.aircall.models import Availability, Call, Number, Page, Team, User
from tests.fuzzing.inputs import EXAMPLES, INPUTS, KEYS, as_json, values
from tests.fuzzing.targets import TARGETS, Target

VALID: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "calls": (Call, {"id": 1, "direction": "inbound", "status": "initial", "started_at": 1_780_000_000}),
    "users": (User, {"id": 1, "name": "Ada"}),
    "teams": (Team, {"id": 1, "users": [{"id": 2}]}),
    "numbers": (Number, {"id": 1}),
    "availabilities": (Availability, {"id": 1, "availability": "available"}),
}


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.__name__)
def test_target_with_any_input_raises_only_expected_errors(target: Target) -> None:
    @settings(max_examples=EXAMPLES)
    @given(INPUTS[target])
    def check(data: bytes) -> None:
        target(data)

    check()


@pytest.mark.parametrize("key", VALID)
def test_decode_page_with_malformed_objects_returns_all_valid_ones(key: str) -> None:
    kind, valid = VALID[key]
    others = st.lists(values | st.dictionaries(st.sampled_from(KEYS), values, max_size=8), max_size=3)

    @settings(max_examples=EXAMPLES)
    @given(others, others, st.dictionaries(st.text("zyx", min_size=1), values, max_size=3))
    def check(before: list[Any], after: list[Any], more: dict[str, Any]) -> None:
        listed = [*before, valid | more, *after]
        page: Page[Any] = decode_page(as_json({key: listed}), key, kind)
        assert page.malformed + len(page.items) == len(listed)
        assert decode_page(as_json({key: [valid]}), key, kind).items[0] in page.items
        if key == "calls":
            read = decode_calls(json.dumps({key: listed}, ensure_ascii=False).encode("utf-8", "replace"))
            assert len(read.items) == len(page.items)

    check()
