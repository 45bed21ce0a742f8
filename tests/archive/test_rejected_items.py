"""Test that a batch which is too large for one transaction is split."""

from hypothesis import given
from hypothesis import strategies as st

from exporter.account.recorded_steps import CallStep
from exporter.account.records import Batch, CallRecord, Checkpoint, CountedCall, CountStage
from exporter.account.times_in_state import TimeInState
from exporter.aircall.models import Call, CallDetails

MOST = 3
IDS = st.integers(1, 12)
STAGES: tuple[CountStage, ...] = ("counted", "counted_for_teams")


def call(id_: int) -> Call:
    return Call(id_, "inbound", "done", 1_780_000_000 + id_)


batches = st.builds(
    Batch,
    records=st.sets(IDS).map(lambda ids: {id_: CallRecord(call(id_), CallDetails(), "full") for id_ in ids}),
    counted_calls=st.lists(
        st.builds(CountedCall, IDS.map(call), st.sampled_from(STAGES), st.just(((("calls",), 1),)))
    ),
    names=st.dictionaries(st.tuples(st.just("user"), st.text()), st.text()),
    deleted_ids=st.sets(IDS),
    progress=st.none() | st.just(Checkpoint(wanted_from=1)),
    measured=st.dictionaries(st.tuples(st.just("substatus_seconds"), st.text()), st.integers(0, 9)),
    steps=st.lists(st.builds(CallStep, IDS, IDS, st.just("held"))).map(tuple),
    times_in_state=st.dictionaries(
        st.tuples(IDS, IDS), st.builds(TimeInState, IDS, IDS, IDS, st.just("available"), st.just(()))
    ),
)


@given(batches)
def test_batch_take_splits_the_batch_and_keeps_additions_with_their_call(batch: Batch) -> None:
    whole, pieces = Batch(), []
    whole.add(batch)
    while piece := batch.take(MOST):
        pieces.append(piece)
    together = Batch()
    for piece in pieces:
        together.add(piece)
        assert len(piece.records) <= MOST
        added_ids = {addition.call.id for addition in piece.counted_calls} & whole.records.keys()
        assert added_ids <= piece.records.keys()
        assert (piece.progress is None and not piece.measured) or piece is pieces[-1]
    assert together.records == whole.records
    assert sorted(map(str, together.counted_calls)) == sorted(map(str, whole.counted_calls))
    assert (together.names, together.deleted_ids) == (whole.names, whole.deleted_ids)
    assert (together.progress, together.measured) == (whole.progress, whole.measured)
    assert (together.steps, together.times_in_state) == (whole.steps, whole.times_in_state)


@given(batches)
def test_batch_split_until_each_item_is_alone_keeps_all_of_them(batch: Batch) -> None:
    pieces, alone = [batch], list[Batch]()
    while pieces:
        piece = pieces.pop()
        halves = piece.split()
        if halves is None:
            alone.append(piece)
        else:
            pieces += reversed(halves)
    together = Batch()
    for piece in alone:
        together.add(piece)
        assert len(piece.records) + len(piece.names) + len(piece.steps) + len(piece.times_in_state) <= 1
    assert (together.records, together.names) == (batch.records, batch.names)
    assert (together.steps, together.times_in_state) == (batch.steps, batch.times_in_state)
