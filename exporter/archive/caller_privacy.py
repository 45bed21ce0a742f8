"""Decide how callers are archived: whole, masked or hidden with a hash, or erased."""

from dataclasses import dataclass

from msgspec.structs import replace

from exporter.account.caller_masking import format_caller
from exporter.account.records import CallRecord
from exporter.aircall.models import CallDetails
from exporter.archive.caller_identity import ERASED, identity
from exporter.archive.caller_key_file import CallerKey
from exporter.archive.database import ArchiveError


@dataclass(frozen=True)
class Callers:
    """How an archive saves callers. Without a key, nothing is hashed."""

    key: CallerKey | None
    forgotten: frozenset[str]
    """Hashes of erased callers."""

    def redacted(self, record: CallRecord) -> CallRecord:
        """Return the record as it may be archived: without personal data if its caller was erased.

        Raises:
            ArchiveError: Callers were erased, and the key that identifies them is missing.
        """
        if not self.forgotten:
            return record
        if self.key is None:
            raise ArchiveError(
                "callers were erased, and the key that identifies them is missing; configure storage.key_file"
            )
        if self.key.hash(record.call.raw_digits) not in self.forgotten:
            return record
        return CallRecord(replace(record.call, raw_digits=ERASED), CallDetails(), "full")

    def shown(self, record: CallRecord) -> str:
        """Return the caller as it may be shown."""
        return format_caller(record.call.raw_digits, record.shown)

    def key_of(self, record: CallRecord) -> str | None:
        """Return what is the same for all calls of a caller, or None for an anonymous caller.

        Without a key file, it is the number, and None for a caller who is not shown whole.
        """
        number = record.call.raw_digits
        if self.key is not None:
            return self.key.hash(number)
        return (identity(number) or None) if self.shown(record) == number else None

    def hash(self, record: CallRecord) -> str | None:
        """Return the hash of a caller who is not shown whole, or None."""
        number = record.call.raw_digits
        is_whole = self.shown(record) == number
        return None if is_whole or self.key is None else self.key.hash(number)
