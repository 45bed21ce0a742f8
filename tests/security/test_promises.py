"""SECURITY.md names a test for each promise, and all security tests."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")


def test_security_page_names_test_files_that_exist() -> None:
    promises = re.findall(r"^\| [A-Z].*\|$", SECURITY, re.MULTILINE)
    assert len(promises) > 10
    for promise in promises:
        *_, tests, _ = promise.split("|")
        named = re.findall(r"`(tests/\S+\.py)`", tests)
        assert named, promise
        assert all((ROOT / test).is_file() for test in named), promise


def test_security_page_names_every_security_test() -> None:
    own = {path.relative_to(ROOT).as_posix() for path in Path(__file__).parent.glob("test_*.py")}
    assert own - {Path(__file__).relative_to(ROOT).as_posix()} <= set(
        re.findall(r"`(tests/\S+\.py)`", SECURITY)
    )
