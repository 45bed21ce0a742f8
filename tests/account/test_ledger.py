"""Tests of batches for which the archive has no room."""

from msgspec.structs import replace

from exporter.account import archiving
from exporter.account.account import Account
from exporter.account.coverage import Coverage
from exporter.account.event_processor import EventProcessor
from exporter.account.ledger import Ledger
from exporter.account.records import LoadedState
from exporter.aircall.events import Event
from exporter.aircall.models import Call, CallDetails, CallWithDetails, Page, Ref
from exporter.config.settings import Settings


def test_batch_rejected_deleted_call_is_fetched_again() -> None:
    ledger = Ledger(Settings())
    ledger.remove(7)
    batch = ledger.take_batch(Coverage(), teams_known=False)
    assert not ledger.unfinished_ids
    ledger.batch_rejected(batch, Coverage())
    assert ledger.unfinished_ids == {7}


def test_batch_rejected_call_ended_by_event_counts_with_next_poll() -> None:
    account = Account(Settings())
    account.known.add("calls")
    archiving.restore(account, LoadedState())
    account.ledger.counted_from = 0
    talks = Call(1, "inbound", "answered", 700, 710, raw_digits="+33", user=Ref(3), number=Ref(7))
    ended = replace(talks, status="done", ended_at=1000)
    account.apply_call_page(Page((CallWithDetails(talks, CallDetails()),), 0, frozenset({1}), None), 990.0)
    archiving.batch_accepted(account, archiving.take_batch(account))
    EventProcessor(account).apply(Event("call.ended", 1000.0, CallWithDetails(ended, CallDetails())), 1000.2)
    archiving.batch_rejected(account, archiving.take_batch(account))
    account.apply_call_page(Page((CallWithDetails(ended, CallDetails()),), 0, frozenset({1}), None), 1000.5)
    assert [added.call.id for added in archiving.take_batch(account).counted_calls] == [1]
