"""What becomes of a batch for which the archive has no room."""

from exporter.account.history import History
from exporter.account.ledger import Ledger
from exporter.config import Settings


def test_a_call_that_is_gone_is_asked_for_again_where_that_was_not_kept() -> None:
    ledger = Ledger(Settings())
    ledger.lost(7)
    batch = ledger.take_batch(History(), teams_told=False)
    assert not ledger.left_open
    ledger.not_kept(batch, History())
    assert ledger.left_open == {7}
