"""Long texts for which a regular expression that backtracks without bound would never end."""

import signal
from collections.abc import Iterator

import pytest

from exporter.app import accepts_gzip
from exporter.web.config import BCRYPT
from tests.fuzzing.targets import TARGETS, Target

LONG = 30_000
LIMIT = 20
"""Seconds of processor time after which a test fails. Each takes a small part of that."""

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


@pytest.fixture(autouse=True)
def processor_limit() -> Iterator[None]:
    """Fail a test that would never end. Processor time is independent of what else the machine does."""

    def fail(*_: object) -> None:
        pytest.fail(f"not at the end after {LIMIT} s of processor time")

    before = signal.signal(signal.SIGVTALRM, fail)
    signal.setitimer(signal.ITIMER_VIRTUAL, LIMIT)
    yield
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, before)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.__name__)
def test_parser_of_a_long_text_ends(target: Target, text: str) -> None:
    target(TEXTS[text].encode())


@pytest.mark.parametrize("text", TEXTS)
def test_header_or_hash_pattern_of_a_long_text_ends(text: str) -> None:
    assert not accepts_gzip({"accept-encoding": TEXTS[text]})
    assert not BCRYPT.fullmatch("$2y$10$" + TEXTS[text])
