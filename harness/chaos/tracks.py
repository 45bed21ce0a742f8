"""One kind of chaos: actions at random, each for a while, with pauses between them."""

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from random import Random

from harness.chaos.journal import Journal

Span = tuple[float, float]
"""The shortest and the longest of something, in seconds."""


@dataclass(frozen=True)
class Action:
    """Something that goes wrong from entering `happening` until leaving it."""

    text: str
    happening: Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True)
class Track:
    """Actions of one kind, one at a time; those of other tracks take place meanwhile.

    Which actions there are, and how long each of them and each pause is, depends on the seed alone.
    """

    kind: str
    actions: Sequence[Action]
    pause: Span
    lasting: Span
    random: Random

    def run(self, journal: Journal, stopped: threading.Event) -> None:
        """Let actions happen until `stopped` is set; the last one ends before this returns."""
        while not stopped.wait(self.random.uniform(*self.pause)):
            action, seconds = self.random.choice(self.actions), self.random.uniform(*self.lasting)
            with journal.lasting(self.kind, action.text), action.happening():
                stopped.wait(seconds)
