"""Callers as they are kept: shown whole, or told apart by a hash where they are masked or hidden."""

from dataclasses import dataclass

from exporter.account.board import shown_caller
from exporter.archive.keyfile import CallerKey
from exporter.archive.records import Record

FORGOTTEN = "forgotten"
"""Stands in the place of a caller who is to be forgotten."""


@dataclass(frozen=True)
class Callers:
    """What an archive does with the callers that it is given. Without a key, nothing is hashed."""

    key: CallerKey | None

    def shown(self, record: Record) -> str:
        """The caller as it may be shown."""
        return shown_caller(record.call.raw_digits, record.shown)

    def hash(self, record: Record) -> str | None:
        """What tells a caller who is not shown whole; none where there is nothing to tell."""
        number = record.call.raw_digits
        is_whole = self.shown(record) == number
        return None if is_whole or self.key is None else self.key.hash(number)
