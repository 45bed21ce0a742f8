from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.web.authority import Authority


@pytest.fixture(scope="session")
def authority() -> Iterator[Authority]:
    with TemporaryDirectory() as directory:
        authority = Authority(Path(directory))
        authority.issue("server", "first")
        authority.issue("client", "prometheus")
        yield authority
