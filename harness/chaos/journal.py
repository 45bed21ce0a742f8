"""Record the actions on the exporter and their times."""

import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Entry:
    """An action with its start and end (UNIX seconds). `ended` is None until it ends."""

    kind: str
    text: str
    begun: float
    ended: float | None = None


class Journal:
    """All actions in the order of their starts. Several threads may write at the same time."""

    def __init__(self, loud: bool) -> None:
        """Print each action to standard error as well if `loud`."""
        self.begun = time.time()
        self.entries: list[Entry] = []
        self._loud = loud

    def note(self, kind: str, text: str) -> None:
        """Record an action without a duration."""
        entry = self._write(kind, text)
        entry.ended = entry.begun

    @contextmanager
    def lasting(self, kind: str, text: str) -> Iterator[Entry]:
        """Record an action that lasts until the block is left."""
        entry = self._write(kind, text)
        yield entry
        entry.ended = time.time()
        self._print(f"{self.at(entry.ended)} {kind}: end of {text}")

    def counts(self, kind: str) -> Counter[str]:
        """Return the number of each action of a kind."""
        return Counter(entry.text for entry in self.entries if entry.kind == kind)

    def around(self, first: float, last: float, most: int = 12) -> list[str]:
        """Return a line for each of the last actions between two times (UNIX seconds)."""
        found = [e for e in self.entries if e.begun <= last and (e.ended is None or e.ended >= first)]
        return [self._line(entry) for entry in found[-most:]]

    def at(self, moment: float | None) -> str:
        """Return a time (UNIX seconds) as text in seconds since the beginning of the run."""
        return "" if moment is None else f"{moment - self.begun:8.1f} s"

    def _line(self, entry: Entry) -> str:
        until = "" if entry.ended == entry.begun else f" until {self.at(entry.ended).strip() or 'the end'}"
        return f"{self.at(entry.begun)} {entry.kind}: {entry.text}{until}"

    def _write(self, kind: str, text: str) -> Entry:
        entry = Entry(kind, text, time.time())
        self.entries.append(entry)
        self._print(f"{self.at(entry.begun)} {kind}: {text}")
        return entry

    def _print(self, line: str) -> None:
        if self._loud:
            print(line, file=sys.stderr, flush=True)
