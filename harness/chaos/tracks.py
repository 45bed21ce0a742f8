"""Run random actions of one kind, with pauses between them."""

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from random import Random

from harness.chaos.journal import Journal

Span = tuple[float, float]
"""The shortest and longest duration, in seconds."""


@dataclass(frozen=True)
class Action:
    """A fault that lasts from entering `inject` until leaving it."""

    text: str
    inject: Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True)
class Track:
    """Actions of one kind, one at a time, in parallel with those of other tracks.

    The actions, their durations and the pauses depend only on the seed.
    """

    kind: str
    actions: Sequence[Action]
    pause: Span
    lasting: Span
    random: Random

    def run(self, journal: Journal, stopped: threading.Event) -> None:
        """Run actions until `stopped` is set. Returns after the last one has ended."""
        while not stopped.wait(self.random.uniform(*self.pause)):
            action, seconds = self.random.choice(self.actions), self.random.uniform(*self.lasting)
            with journal.lasting(self.kind, action.text), action.inject():
                stopped.wait(seconds)
