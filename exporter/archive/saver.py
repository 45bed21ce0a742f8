"""Saving batches so that an item that the database does not accept costs only itself."""

from collections.abc import Callable
from dataclasses import replace

import structlog

from exporter.account.distinct_ids import Distinct
from exporter.archive.database import UnstorableError
from exporter.archive.records import Batch, Checkpoint, SaveResult
from exporter.archive.store import Archive

log = structlog.get_logger()


class Saver:
    """Saves batches in order, and counts the calls that the database rejected."""

    def __init__(self, archive: Archive, saved: Callable[[SaveResult, Checkpoint | None], object]) -> None:
        """Save to `archive`, and pass on to `saved` what came of each piece."""
        self._archive, self._saved = archive, saved
        self._rejected = Distinct()

    @property
    def rejected(self) -> int:
        """How many calls were rejected, each counted once however often it is read."""
        return self._rejected.count

    def save(self, batch: Batch) -> None:
        """Save a batch; divide it if the database does not accept an item, until that item is alone.

        What is saved or rejected is taken out of the batch, also if an ArchiveError ends it.
        """
        pieces = [batch.take(len(batch.records))]
        try:
            while pieces:
                piece = pieces[-1]
                try:
                    saved = self._archive.save(piece)
                except UnstorableError as error:
                    pieces[-1:] = (piece.apart() or self._reject(piece, error))[::-1]
                else:
                    pieces.pop()
                    self._saved(saved, piece.progress)
        finally:
            for piece in reversed(pieces):
                batch.add(piece)

    def _reject(self, piece: Batch, error: UnstorableError) -> tuple[Batch, ...]:
        """Return a piece without its only item. Raises the error if it has none: no item is to blame."""
        calls = {*piece.records, *(addition.call.id for addition in piece.counted_calls)}
        if not calls and not piece.names:
            raise error
        for call_id in calls:
            if self._rejected.add(call_id):
                log.error("call rejected by the database", call=call_id, problem=str(error))
        for kind, id_ in piece.names:
            log.error("name rejected by the database", kind=kind, id=id_, problem=str(error))
        rest = replace(piece, records={}, counted_calls=[], names={})
        return (rest,) if rest else ()
