"""Run a server of the system's packages until a block is left."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

START_S = 30.0
"""Seconds within which a server must be ready."""


@contextmanager
def served(*command: str, directory: Path, ready: str, log: Path = Path(os.devnull)) -> Iterator[None]:
    """Run a server that writes its output to the file `log`, after waiting until the URL `ready` responds."""
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(command, cwd=directory, stdout=output, stderr=output)  # noqa: S603
    try:
        _wait_until_ready(ready)
        yield
    finally:
        process.terminate()
        process.wait(10)


def _wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            if requests.get(url, timeout=2).ok:
                return
        except requests.ConnectionError:
            pass
        assert time.monotonic() < deadline, f"{url}: not ready within {START_S:g} s"
        time.sleep(0.1)
