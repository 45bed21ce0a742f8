"""Texts that an expression could go through in ever more ways: at this length none would come to an end."""

import pytest

from exporter.app import accepts_gzip
from exporter.web.config import BCRYPT
from tests.fuzzing.targets import TARGETS, Target

LONG = 30_000
TEXTS = {
    "digits": "1" * LONG + "x",
    "units": "1h" * LONG,
    "quotes": "'" * LONG + '"',
    "quoted": "'ab" * LONG,
    "dots": "1." * LONG,
    "dashes": "2026-" * LONG,
    "spaces": "a:" + " " * LONG + "\t" * LONG + "x",
    "commas": "Basic ,;=" * LONG,
    "ampersands": "&a=" * LONG,
    "brackets": "[]{}" * LONG,
    "escapes": "%25" * LONG,
    "combining": "a" + "\u0301" * LONG,
    "json": '{"calls":[' + '{"id":1,"raw_digits":"' + "+3 " * LONG + '"},' * 9 + "{}]}",
}


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.__name__)
def test_a_long_text_comes_to_an_end(target: Target, text: str) -> None:
    target(TEXTS[text].encode())


@pytest.mark.parametrize("text", TEXTS)
def test_a_long_header_or_hash_does_too(text: str) -> None:
    assert not accepts_gzip({"accept-encoding": TEXTS[text]})
    assert not BCRYPT.fullmatch("$2y$10$" + TEXTS[text])
