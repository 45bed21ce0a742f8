"""An archive of calls whose callers are masked or hidden."""

from pathlib import Path

from exporter.archive.caller_key_file import key_file
from exporter.archive.criteria import Criteria
from exporter.archive.store import Archive
from exporter.config.settings import Caller
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, polled

SINCE, UNTIL = int(NOON) - 900, int(NOON) + 10_000


class ArchiveWithVisibility:
    """An archive of some busy minutes, with a visibility of callers."""

    def __init__(self, database: str, directory: Path, visibility: Caller) -> None:
        self.database, self.visibility = database, visibility
        self.key_file = key_file("", str(directory))
        self.account = SimulatedAccount(users=12, calls_per_hour=300, seed=5, start=NOON)
        with polled(self.account, archive=Archive(database, self.key_file), caller=visibility) as world:
            world.live_until_complete()
            world.live(120)
            world.freeze()
        self.archive = Archive(database, self.key_file)
        self.calls = [c for c in self.account.calls.values() if c.started_at >= SINCE]

    def search(self, caller: str) -> set[int]:
        """Return the ids of the calls that a search by `caller` finds."""
        return {call.id for call in self.archive.search(Criteria(SINCE, UNTIL, callers=(caller,)))}
