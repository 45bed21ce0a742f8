"""Save batches so that an item that the database rejects does not affect others."""

from collections.abc import Callable
from dataclasses import replace

import structlog

from exporter.account.distinct_ids import Distinct
from exporter.account.records import Batch, Checkpoint, SaveResult
from exporter.archive.database import UnstorableError
from exporter.archive.store import Archive

log = structlog.get_logger()


class Saver:
    """Save batches in order, and count the calls that the database rejected."""

    def __init__(self, archive: Archive, saved: Callable[[SaveResult, Checkpoint | None], object]) -> None:
        """Save to `archive`. `saved` receives the result of each part."""
        self._archive, self._saved = archive, saved
        self._rejected = Distinct()

    @property
    def rejected(self) -> int:
        """How many calls were rejected, each counted once however often it is fetched."""
        return self._rejected.count

    def save(self, batch: Batch) -> None:
        """Save a batch. If the database rejects an item, split the batch until that item is alone.

        Saved and rejected items are removed from the batch, also if this raises ArchiveError.
        """
        pieces = [batch.take(len(batch.records))]
        try:
            while pieces:
                piece = pieces[-1]
                try:
                    saved = self._archive.save(piece)
                except UnstorableError as error:
                    pieces[-1:] = (piece.split() or self._reject(piece, error))[::-1]
                else:
                    pieces.pop()
                    self._saved(saved, piece.progress)
        finally:
            for piece in reversed(pieces):
                batch.add(piece)

    def _reject(self, piece: Batch, error: UnstorableError) -> tuple[Batch, ...]:
        """Return a part without its only item. Raises the error if it has no item."""
        calls = {*piece.records, *(addition.call.id for addition in piece.counted_calls)}
        if not (calls or piece.names or piece.steps or piece.times_in_state):
            raise error
        for call_id in calls:
            if self._rejected.add(call_id):
                log.error("call rejected by the database", call=call_id, problem=str(error))
        for kind, id_ in piece.names:
            log.error("name rejected by the database", kind=kind, id=id_, problem=str(error))
        for step in piece.steps:
            log.error("step of a call rejected by the database", call=step.call_id, problem=str(error))
        for user_id, since in piece.times_in_state:
            log.error("time rejected by the database", user=user_id, since=since, problem=str(error))
        rest = replace(piece, records={}, counted_calls=[], names={}, steps=(), times_in_state={})
        return (rest,) if rest else ()
