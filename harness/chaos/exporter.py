"""Run the exporter under test, the installed command, and restart it on the same address."""

import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import yaml

from harness.addresses import free_address
from harness.chaos.journal import Journal
from harness.chaos.tracks import Action
from harness.process import INSTALLED, Process

TOKEN = "token-of-the-chaos"  # noqa: S105 (opens nothing)
SIGTERM_SECONDS = 15.0
"""Seconds in which the exporter exits after SIGTERM."""

ERRORS = re.compile(r"unexpected error|Traceback")
"""Matches unexpected errors in the log."""

CHOICES: dict[str, tuple[Any, ...]] = {
    "activity_period": ("1m", "5m", "15m", "1d"),
    "queue_wait": (
        {"warning": "10s", "critical": "20s"},
        {"warning": "5s", "critical": "15s"},
        {"warning": "8s", "critical": "25s"},
    ),
    "caller": ("full", "masked", "hidden"),
    "user_limit": (10_000, 10, 25),
    "sla": ("0s", "10s"),
}
"""The settings that reloads and restarts change."""

FIRST = {"activity_period": "5m", "caller": "full"}
LAST = {"activity_period": "15m", "caller": "masked"}
"""The settings of the first start and of the comparison."""


class Exporter:
    """The exporter, and its `problems`."""

    def __init__(
        self,
        directory: Path,
        fixed: dict[str, Any],
        environ: dict[str, str],
        random: Random,
        journal: Journal,
    ) -> None:
        """Run in `directory`, always with the `fixed` settings."""
        self.address = free_address()
        self.url = f"http://{self.address}"
        self.epoch = 0
        """Changes after each start and before each stop of the exporter."""
        self.serving = False
        """Whether it listens and is not being stopped."""
        self.settings: dict[str, Any] = dict(FIRST)
        self.problems: list[str] = []
        self._config = directory / "aircall.yml"
        self._flags = (f"--config.file={self._config}", f"--storage.path={directory}", "--log.level=info")
        self._fixed, self._environ, self._random, self._journal = fixed, environ, random, journal
        self._processes: list[Process] = []
        self._lock = threading.RLock()

    def actions(self) -> list[Action]:
        """Return the actions on the exporter."""
        return [
            Action("killed", self._killed),
            Action("killed, and once more while it starts", self._killed_twice),
            Action("terminated", self._terminated),
            Action("reloaded with other settings", self._reloaded),
            Action("reloaded with other settings", self._reloaded),
        ]

    def start(self) -> None:
        """Start it, and wait until it listens."""
        with self._lock:
            try:
                self._started().logged("listening")
            except AssertionError:
                self.problems.append("it did not listen 20 s after it had been started")
            self.epoch += 1
            self.serving = True

    def kill(self) -> None:
        """End it by SIGKILL."""
        self._end(signal.SIGKILL)

    def terminate(self) -> None:
        """End it by SIGTERM."""
        try:
            code = self._end(signal.SIGTERM)
        except subprocess.TimeoutExpired:
            self.problems.append(f"SIGTERM did not end it within {SIGTERM_SECONDS:g} s")
            self.kill()
        else:
            if code != 0:
                self.problems.append(f"it ended with exit code {code} after SIGTERM")

    def check(self) -> None:
        """If it has ended by itself, record that and start it again."""
        with self._lock:
            if self.serving and self._processes[-1].process.poll() is not None:
                self._note_end()
                self.start()

    @property
    def log(self) -> list[str]:
        """The log lines of all its runs."""
        return [line for process in self._processes for line in process.lines]

    def errors(self) -> list[str]:
        """Return the log lines about unexpected errors."""
        return [line.strip() for line in self.log if ERRORS.search(line)]

    def _started(self) -> Process:
        self._configure()
        process = Process(*self._flags, command=INSTALLED, address=self.address, **self._environ)
        self._processes.append(process)
        return process

    def _configure(self) -> None:
        self._config.write_text(yaml.safe_dump(self._fixed | self.settings), encoding="utf-8")

    def _end(self, how: signal.Signals) -> int:
        with self._lock:
            process = self._processes[-1].process
            if self.serving and process.poll() is not None:
                self._note_end()
            self.serving = False
            self.epoch += 1
            process.send_signal(how)
            return process.wait(SIGTERM_SECONDS)

    def _note_end(self) -> None:
        self.problems.append(f"it ended by itself with exit code {self._processes[-1].process.poll()}")

    def _choose(self) -> None:
        self.settings = {name: self._random.choice(choices) for name, choices in CHOICES.items()}
        self._journal.note("settings", yaml.safe_dump(self.settings, default_flow_style=True).strip())

    @contextmanager
    def _killed(self) -> Iterator[None]:
        self.kill()
        yield
        self._choose()
        self.start()

    @contextmanager
    def _killed_twice(self) -> Iterator[None]:
        self.kill()
        self._choose()
        self._started()
        time.sleep(self._random.uniform(0, 4))
        self.kill()
        yield
        self.start()

    @contextmanager
    def _terminated(self) -> Iterator[None]:
        self.terminate()
        yield
        self.start()

    @contextmanager
    def _reloaded(self) -> Iterator[None]:
        self._choose()
        self._configure()
        self._processes[-1].process.send_signal(signal.SIGHUP)
        yield
