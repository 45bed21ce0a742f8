"""Save calls to an archive, and take in the call-backs that it reports."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from exporter.account.call_backs import CallBackRules, CallBackTask
from exporter.account.records import Batch, CallRecord, Counting, SaveResult
from exporter.aircall.models import Call, CallDetails, Ref
from exporter.archive.caller_key_file import KeyFile
from exporter.archive.store import Archive

START = 1_780_000_000
HOUR = 3600
CALLER = "+33 1 11 11 11 11"
RULES = CallBackRules(after=0, expire=24 * HOUR, ignore_reasons=("short_abandoned",))
COUNTING = Counting(START, START, certain=True)
CALLED_BACK, EXPIRED = ("call_backs", "5", "called_back"), ("call_backs", "5", "expired")


def missed(call_id: int, at: int, caller: str = CALLER, reason: str = "no_available_agent") -> CallRecord:
    call = Call(
        call_id,
        "inbound",
        "done",
        START + at,
        ended_at=START + at + 20,
        raw_digits=caller,
        number=Ref(5),
        missed_call_reason=reason,
    )
    return CallRecord(call, CallDetails(), "full")


def answered(call_id: int, at: int, **fields: Any) -> CallRecord:
    given: Any = {"status": "done", "ended_at": START + at + 60, "user": Ref(3), "number": Ref(5)} | fields
    call = Call(
        call_id, "outbound", started_at=START + at, answered_at=START + at + 9, raw_digits=CALLER, **given
    )
    return CallRecord(call, CallDetails(), "full")


class Saving:
    """An exporter that saves calls to an archive, and the open call-backs that it learns of."""

    def __init__(self, url: str, directory: Path) -> None:
        self.archive = Archive(url, KeyFile(directory / "caller.key", made_here=True))
        self.archive.load()
        self.open: set[int] = set()
        self.totals: dict[Any, int] = {}

    def save(
        self,
        *records: CallRecord,
        now: int,
        complete_to: int | None = None,
        rules: CallBackRules = RULES,
        numbers: Iterable[str] = ("5",),
    ) -> SaveResult:
        task = CallBackTask(rules, START + now, frozenset(numbers))
        end = None if complete_to is None else START + complete_to
        saved = self.archive.save(
            Batch(
                {record.call.id: record for record in records},
                counting=COUNTING,
                call_backs=task,
                complete_to=end,
            )
        )
        if changes := saved.call_backs:
            self.open = (set() if changes.is_whole else self.open - changes.removed) | {
                each.call_id for each in changes.added
            }
        self.totals |= saved.totals
        return saved
