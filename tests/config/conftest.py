"""Fixtures of the configuration's tests."""

from pathlib import Path

import pytest

from tests.support.config_files import WriteFile


@pytest.fixture
def file(tmp_path: Path) -> WriteFile:
    """Return a function that writes a configuration file and returns its path."""

    def write(text: str) -> str:
        path = tmp_path / "aircall.yml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write
