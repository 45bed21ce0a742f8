"""Compare the call-backs of the exporter with a recount of the simulated account."""

from collections import Counter
from collections.abc import Iterator

from sqlalchemy import create_engine

from exporter.archive import metadata_table
from exporter.archive.call_backs import State
from exporter.simulator.simulation import SimulatedAccount
from harness import call_back_recount as recount
from harness.chaos.plan import Difference
from harness.scrape import Scrape

SETTINGS = {"after": "5s", "expire": "5m"}
RULES = recount.Rules(after=5, expire=300)


def differing_call_backs(account: SimulatedAccount, url: str, scrape: Scrape) -> Iterator[Difference]:
    """Compare the counters, up to the time that the exporter has followed according to its archive."""
    state = followed(url)
    if state is None:
        yield Difference("call-backs have not been followed, expected them to be")
        return
    ended = recount.ended(account, state.since, state.until, RULES)
    reached = [each for each in ended if each.seconds is not None]
    sums: Counter[tuple[str, ...]] = Counter()
    for each in reached:
        sums[each.number,] += each.seconds or 0
    results: Counter[tuple[str, ...]] = Counter((each.number, each.result) for each in ended)
    counts: Counter[tuple[str, ...]] = Counter((each.number,) for each in reached)
    for family, labels, expected in (
        ("aircall_call_backs_total", ("number_id", "result"), results),
        ("aircall_call_back_seconds_count", ("number_id",), counts),
        ("aircall_call_back_seconds_sum", ("number_id",), sums),
    ):
        found = {
            tuple(dict(key)[label] for label in labels): int(value)
            for key, value in scrape.all(family).items()
        }
        for values in sorted(found.keys() | expected.keys()):
            if found.get(values, 0) != expected[values]:
                shown = ",".join(f'{name}="{value}"' for name, value in zip(labels, values, strict=True))
                text = f"{family}{{{shown}}} is {found.get(values, 0)}, expected {expected[values]}"
                yield Difference(text)


def followed(url: str) -> State | None:
    """Return how far the archive has followed call-backs."""
    engine = create_engine(url)
    with engine.connect() as connection:
        state = metadata_table.read(connection, metadata_table.CALL_BACKS, State)
    engine.dispose()
    return state
