"""What becomes of a batch for which the archive has no room."""

from msgspec.structs import replace

from exporter.account.account import Account
from exporter.account.history import History
from exporter.account.ledger import Ledger
from exporter.account.told import Told
from exporter.aircall.events import Event
from exporter.aircall.objects import Call, CallDetails, Page, ReadCall, Ref
from exporter.archive.records import Memory
from exporter.config import Settings


def test_a_call_that_is_gone_is_asked_for_again_where_that_was_not_kept() -> None:
    ledger = Ledger(Settings())
    ledger.lost(7)
    batch = ledger.take_batch(History(), teams_told=False)
    assert not ledger.left_open
    ledger.not_kept(batch, History())
    assert ledger.left_open == {7}


def test_what_an_event_told_in_vain_counts_with_the_very_next_look() -> None:
    account = Account(Settings())
    account.restore(Memory())
    account.ledger.counted_from = 0
    talks = Call(1, "inbound", "answered", 700, 710, raw_digits="+33", user=Ref(3), number=Ref(7))
    ended = replace(talks, status="done", ended_at=1000)
    account.saw_calls(Page((ReadCall(talks, CallDetails()),), 0, frozenset({1}), None), 990.0)
    account.kept(account.take_batch())
    Told(account).hear(Event("call.ended", 1000.0, ReadCall(ended, CallDetails())), 1000.2)
    account.not_kept(account.take_batch())
    account.saw_calls(Page((ReadCall(ended, CallDetails()),), 0, frozenset({1}), None), 1000.5)
    assert [added.call.id for added in account.take_batch().additions] == [1]
