"""A company whose missed callers are to be called back."""

import time
from pathlib import Path

from exporter.account.call_backs import CallBackRules, CallBackTask
from exporter.account.records import Batch, CallRecord, Counting
from exporter.aircall.models import Call, CallDetails, Ref
from exporter.archive.caller_key_file import KeyFile
from exporter.archive.store import Archive
from exporter.config.settings import Caller

RULES = CallBackRules(after=60, expire=7 * 86400, ignore_reasons=("short_abandoned",))
CALLER, OTHER = "+33 1 11 11 11 11", "+33 2 22 22 22 22"
SUPPORT, BILLING = Ref(5), Ref(6)


class Company:
    """An archive of a company whose calls began some seconds ago."""

    def __init__(self, directory: Path, shown: Caller = "full") -> None:
        self.url, self.now = f"sqlite:///{directory}/archive.sqlite", int(time.time())
        self._shown, self._ids = shown, iter(range(1, 1000))
        self._archive = Archive(self.url, KeyFile(directory / "caller.key", made_here=True))
        self._archive.load()
        self._records: dict[int, CallRecord] = {}

    def missed(self, ago: int, caller: str, number: Ref, details: CallDetails | None = None) -> int:
        started = self.now - ago
        call = Call(
            next(self._ids),
            "inbound",
            "done",
            started,
            ended_at=started + 45,
            missed_call_reason="no_available_agent",
            raw_digits=caller,
            number=number,
        )
        self._records[call.id] = CallRecord(call, details or CallDetails(), self._shown)
        return call.id

    def called(self, ago: int, caller: str, answered: bool = False) -> None:
        started = self.now - ago
        answer = started + 5 if answered else None
        call = Call(
            next(self._ids), "outbound", "done", started, answer, started + 30, None, caller, Ref(3), SUPPORT
        )
        self._records[call.id] = CallRecord(call, CallDetails(), self._shown)

    def save(self) -> "Company":
        self._archive.save(
            Batch(
                self._records,
                names={("number", "5"): "Support", ("number", "6"): "Billing", ("user", "3"): "Ada"},
                counting=Counting(self.now - 86400),
                call_backs=CallBackTask(RULES, self.now, frozenset(("5", "6"))),
            )
        )
        return self


def typical(directory: Path) -> Company:
    """Return a company with two callers to call back, and callers who are not."""
    company = Company(directory)
    company.missed(9000, OTHER, BILLING)
    company.called(8000, OTHER, answered=True)
    voicemail = CallDetails(voicemail="https://example.com/v", asset="https://a.example/1")
    company.missed(7000, CALLER, SUPPORT, voicemail)
    company.called(6000, CALLER)
    company.missed(5000, CALLER, BILLING, CallDetails(assigned_to={"id": 3}, archived=True))
    company.missed(4000, OTHER, BILLING)
    company.missed(3000, "anonymous", BILLING)
    company.missed(50, "+33 3 33 33 33 33", BILLING)  # may call again until a minute has gone by
    return company.save()
