"""Callers as they are kept: shown whole, or told apart by a hash where they are masked or hidden."""

from dataclasses import dataclass

from msgspec.structs import replace

from exporter.account.board import format_caller
from exporter.aircall.models import CallDetails
from exporter.archive.caller_key_file import CallerKey
from exporter.archive.database import ArchiveError
from exporter.archive.records import CallRecord

ERASED = "forgotten"
"""Stands in the place of a caller who is to be forgotten."""


@dataclass(frozen=True)
class Callers:
    """What an archive does with the callers that it is given. Without a key, nothing is hashed."""

    key: CallerKey | None
    forgotten: frozenset[str]
    """Hashes of those of whom nothing is kept."""

    def kept(self, record: CallRecord) -> CallRecord:
        """What may be kept of a call: of one with a caller who is to be forgotten, nothing that is his.

        Raises ArchiveError where nobody can tell who that is.
        """
        if not self.forgotten:
            return record
        if self.key is None:
            raise ArchiveError("callers are to be forgotten, and there is no key that tells them")
        if self.key.hash(record.call.raw_digits) not in self.forgotten:
            return record
        return CallRecord(replace(record.call, raw_digits=ERASED), CallDetails(), "full")

    def shown(self, record: CallRecord) -> str:
        """The caller as it may be shown."""
        return format_caller(record.call.raw_digits, record.shown)

    def hash(self, record: CallRecord) -> str | None:
        """What tells a caller who is not shown whole; none where there is nothing to tell."""
        number = record.call.raw_digits
        is_whole = self.shown(record) == number
        return None if is_whole or self.key is None else self.key.hash(number)
