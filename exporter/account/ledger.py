"""The ledger: counter totals as the archive has them, and the next batch for the archive.

Each done call is counted once. All calls that were fetched are saved.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from itertools import filterfalse

from exporter.account.buckets import answer_time_buckets
from exporter.account.counter_totals import Key, Subject, Totals, increments, team_increments
from exporter.account.coverage import Coverage
from exporter.account.exclusion import Exclusion
from exporter.account.id_limits import Identities
from exporter.account.kpi_rules import wait_thresholds
from exporter.account.records import (
    MAX_FOR_TEAMS,
    Batch,
    CallRecord,
    Checkpoint,
    CountedCall,
    Counting,
    LoadedState,
    SaveResult,
)
from exporter.account.reference_data import ReferenceData
from exporter.account.roster import Roster
from exporter.account.teams import Team, teams_of_call
from exporter.account.unsaved_rings import UnsavedRings
from exporter.account.user_series import UserSeries
from exporter.aircall.models import Call
from exporter.config.settings import Settings

BATCH_SIZE = 500
"""Calls that one batch counts for their teams; thousands may be waiting."""


MAX_CALLS_TO_REREAD = 20_000
"""Calls that may be waiting to be fetched because of events."""


class Ledger:
    """Totals as the archive has them, and the next batch for it."""

    def __init__(self, settings: Settings, identities: Identities | None = None) -> None:
        """Begin with nothing counted. Without `identities`, all ids in calls are treated as unlisted."""
        self._identities = identities or Identities(ReferenceData(set()))
        self.bounds = answer_time_buckets(wait_thresholds(settings))
        """Buckets of the time to answer. They stay as at the start, since the keys of totals contain them."""
        self.user_series = UserSeries()
        """The users whose counters have series of their own."""
        self._roster: Roster | None = None
        self.totals: Totals | None = None
        """None until the archive has loaded what was counted before."""
        self.complete = False
        """Whether the first fetch of calls is complete. Until then the counters would jump and are hidden."""
        self.teams_complete = False
        """The same for counters of teams, which are complete later."""
        self.counted_from = self.ended_from = math.inf
        """Calls that started, or ended, since then count (UNIX seconds, Aircall's clock); see `Counting`.

        Until the archive opens, this is the decision for a first start."""
        self._certain = False
        """Whether both clocks agreed when that was decided."""
        self.unfinished_ids: set[int] = set()
        """Calls to be fetched by id: those in `reported_calls`, and those that were active when an earlier
        run last fetched them."""
        self.reported_calls: dict[int, tuple[float, float]] = {}
        """Calls that an event reported and that are fetched first: the archive may have a newer version.

        The values are the time that the newest of these events describes, and its arrival (our clock)."""
        self.pending_team_counts: list[Call] = []
        """Calls that are counted, but not yet for their teams; at most `MAX_FOR_TEAMS` and one batch."""
        self.more_for_teams = False
        """Whether the archive has more of them, which are loaded once these are counted."""
        self._more_requested = False
        self.full = False
        """Whether the archive had no room for the last batch. If so, nothing is fetched only to be saved."""
        self.load = 0
        """The number of the archive load on which the totals are based."""
        self._batch = Batch()
        self.rings = UnsavedRings()
        """What calls add to the ring attempts."""

    def add(self, call: Call, record: CallRecord, newly_done: bool) -> None:
        """Save a call, and count it if it is `newly_done`.

        Only the archive knows whether an earlier run counted the call. Until the archive opens, only it knows
        which calls count. So every done call is added until then, and the archive decides.
        """
        self.was_read(call.id, call.as_of)
        self._batch.records[call.id] = record
        if newly_done and (self.totals is None or self._counting.includes(call)):
            added = self._added(increments(call, self.bounds))
            self._batch.counted_calls.append(CountedCall(call, "counted", added))
            self._wait_for_teams(call)

    def add_ring_attempts(self, call: Call, counts: Iterable[tuple[Key, int]]) -> None:
        """Save what a call adds to the ring attempts. The archive adds it once."""
        self.rings.add(CountedCall(call, "ring_attempts", self._added(counts)))

    def _added(self, counts: Iterable[tuple[Key, int]]) -> tuple[tuple[Key, int], ...]:
        return tuple((self._identities.key(key), count) for key, count in counts)

    def _wait_for_teams(self, call: Call) -> None:
        """Queue a call to be counted for its teams. Beyond the limit, only the archive remembers it."""
        left_to_archive = self.more_for_teams and not self._more_requested
        if left_to_archive or len(self.pending_team_counts) >= MAX_FOR_TEAMS:
            self.more_for_teams, self._more_requested = True, False
        else:
            self.pending_team_counts.append(call)

    @property
    def _counting(self) -> Counting:
        return Counting(self.counted_from, self.ended_from, self._certain)

    def propose(self, counting: Counting) -> bool:
        """Decide which calls count, unless that was decided before by a clock that was right.

        Returns whether the decision was made now.
        """
        if not math.isinf(self.counted_from) and not self._counting.is_replaced_by(counting):
            return False
        self._decided(counting)
        return True

    def _decided(self, counting: Counting) -> None:
        self.counted_from, self._certain = counting.started_from, counting.certain
        self.ended_from = math.inf if counting.ended_from is None else counting.ended_from

    def read_again(self, call_id: int, as_of: float, now: float) -> bool:
        """Have a call fetched by its id because of an event.

        Args:
            call_id: The id of the call.
            as_of: The time that the event describes (UNIX seconds, our clock).
            now: When the event arrived (UNIX seconds, our clock).

        Returns whether the event is newer than the other events since the call was last fetched.
        """
        newest = as_of > self.reported_calls.get(call_id, (-math.inf, now))[0]
        if newest and (call_id in self.reported_calls or len(self.reported_calls) < MAX_CALLS_TO_REREAD):
            self.reported_calls[call_id] = as_of, now
            self.unfinished_ids.add(call_id)
        return newest

    def was_read(self, call_id: int, at: float) -> None:
        """Record that a call was fetched by a request that was sent `at` (our clock)."""
        if call_id in self.reported_calls and self.reported_calls[call_id][1] > at:
            return
        self.reported_calls.pop(call_id, None)
        self.unfinished_ids.discard(call_id)

    def remove(self, call_id: int) -> None:
        """Remove a call that no longer exists at Aircall."""
        self.reported_calls.pop(call_id, None)
        self.unfinished_ids.discard(call_id)
        self._batch.deleted_ids.add(call_id)

    def count_for_teams(self, teams: Iterable[Team], waits: Callable[[Call], bool]) -> None:
        """Count up to `BATCH_SIZE` done calls for the `teams` that they concern.

        Calls for which `waits` is true are left, because their teams are not known yet.
        """
        waiting = list(filter(waits, self.pending_team_counts))
        ready = list(filterfalse(waits, self.pending_team_counts)) if waiting else self.pending_team_counts
        for call in ready[:BATCH_SIZE]:
            team_ids = (team.label.id for team in teams_of_call(call, teams))
            added = self._added(team_increments(call, team_ids, self.bounds))
            self._batch.counted_calls.append(CountedCall(call, "counted_for_teams", added))
        self.pending_team_counts = waiting + ready[BATCH_SIZE:]

    def prune(self, before: int) -> None:
        """Remove calls that started before `before` from those that wait for teams: they are not retained."""
        waiting = self.pending_team_counts
        if waiting and waiting[0].started_at < before:
            self.pending_team_counts = [call for call in waiting if call.started_at >= before]

    def take_batch(self, coverage: Coverage, teams_known: bool) -> Batch:
        """Return what has to be saved now. `teams_known` is whether the members of teams are known."""
        batch, self._batch = self._batch, Batch()
        batch.load = self.load
        if batch.records or not self.full:
            batch.counted_calls += self.rings.take()
        batch.user_series = self.user_series.take_unsaved()
        all_counted = teams_known and not self.pending_team_counts
        few_wait = len(self.pending_team_counts) <= MAX_FOR_TEAMS // 2
        if teams_known and few_wait and self.more_for_teams and not self._more_requested and not self.full:
            batch.for_teams_requested, self._more_requested = MAX_FOR_TEAMS, True
        batch.counting = None if math.isinf(self.counted_from) else self._counting
        if self.totals is not None and coverage.fetched:
            progress = Checkpoint(
                coverage.fetched,
                coverage.required_since,
                coverage.rechecked_until,
                for_teams=self.teams_complete or (all_counted and not self.more_for_teams),
            )
            batch.progress = progress if progress != coverage.checkpoint else None
        return batch

    def batch_accepted(self) -> None:
        """Record that the archive has accepted a batch."""
        self.full = False

    def batch_rejected(self, batch: Batch, coverage: Coverage) -> set[int]:
        """Take back a batch for which the archive had no room; return the calls to be counted again.

        Calls in ranges that are no longer covered are fetched again with them. The others are fetched by id.
        """
        self.full, self._more_requested = True, False
        if batch.user_series is not None:
            self.user_series.not_saved()
        done = {added.call.id: added.call for added in batch.counted_calls if added.stage == "counted"}
        self.unfinished_ids |= batch.deleted_ids
        self.unfinished_ids.update(call.id for call in done.values() if coverage.is_fetched(call.started_at))
        for_teams = (added.call for added in batch.counted_calls if added.stage == "counted_for_teams")
        self.rings.taken_back(batch.counted_calls)
        waiting = (*for_teams, *self.pending_team_counts)
        self.pending_team_counts = [call for call in waiting if call.id not in done]
        return set(done)

    def restore(self, memory: LoadedState, known: Iterable[int], exclusion: Exclusion) -> None:
        """Continue from the state that the archive has stored.

        The calls `known` by now were fetched after it was written. The `exclusion` may be new since then.
        """
        totals, self.load = dict(memory.totals), memory.load
        self.user_series = UserSeries(memory.user_series, self.user_series, totals)
        self.totals = Totals(self.user_series.exposed(totals.items()))
        self.totals.update(self.user_series.others.items())
        self.user_series.withdraw(exclusion, self.totals)
        self.pending_team_counts.extend(memory.pending_team_counts)
        self.more_for_teams |= len(memory.pending_team_counts) >= MAX_FOR_TEAMS
        self._more_requested = False
        self.unfinished_ids |= memory.unfinished_ids.difference(known)
        if memory.counting is not None and not memory.counting.is_replaced_by(self._counting):
            self._decided(memory.counting)
        if memory.progress is not None:
            self.teams_complete = memory.progress.for_teams

    @property
    def visibility(self) -> tuple[bool, bool]:
        """Whether the counters are shown, and whether those of teams are."""
        return self.complete, self.teams_complete

    def saved(self, saved: SaveResult, progress: Checkpoint | None) -> set[Subject]:
        """Take over the totals of a batch that was saved, and return their subjects.

        `progress` is the batch's checkpoint, None until all calls of the first fetch are in.
        """
        self.rings.saved(saved.ring_attempts)
        self.complete = self.complete or progress is not None
        self.teams_complete = self.teams_complete or (progress is not None and progress.for_teams)
        if saved.uncounted_for_teams is not None and self._more_requested:
            waiting = {call.id for call in self.pending_team_counts}
            self.pending_team_counts += [c for c in saved.uncounted_for_teams if c.id not in waiting]
            self.more_for_teams = len(saved.uncounted_for_teams) >= MAX_FOR_TEAMS
            self._more_requested = False
        if self.totals is not None:
            for addition in saved.additions:
                self.totals.record_exemplars(addition.call, addition.increments)
        return self.count(saved.totals)

    def count(self, totals: Mapping[Key, int]) -> set[Subject]:
        """Set some totals, and return the subjects whose exposed totals change."""
        return set() if self.totals is None else self.totals.update(self.user_series.exposed(totals.items()))

    def show_users(self, roster: Roster) -> set[Subject]:
        """Decide which users of a roster have series of their own; return the subjects that change."""
        if self.totals is None or roster is self._roster:
            return set()
        self._roster, exclusion = roster, roster.exclusion
        withdrawn = self.user_series.withdraw(exclusion, self.totals)
        admitted = self.user_series.admit(
            map(str, sorted(roster.teams_of_user)),
            roster.settings.user_limit,
            exclusion,
        )
        return withdrawn | self.totals.update(admitted)
