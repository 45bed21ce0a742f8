"""The model of one Aircall account: it takes in what was fetched.

It is used by one thread. It opens no sockets and reads no clock: every time is passed in with the data.
"""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from exporter.account.awaited_timelines import AwaitedTimelines, count_awaited
from exporter.account.board_builder import BoardBuilder, Changes
from exporter.account.call_store import INITIAL_LOOKBACK_S, LATE_ARRIVAL_S, CallStore
from exporter.account.call_versions import completed
from exporter.account.coverage import Coverage
from exporter.account.day import day_start
from exporter.account.day_progress import DayProgress
from exporter.account.distinct_ids import Distinct
from exporter.account.event_stats import EventStats
from exporter.account.failing_objects import SetAside
from exporter.account.id_limits import Identities
from exporter.account.kpi_rules import service_rules
from exporter.account.ledger import Ledger
from exporter.account.menu_stages import MenuKnowledge, menus_may_follow, with_menus
from exporter.account.missed_calls import MISSED_REASONS
from exporter.account.open_call_backs import OpenCallBacks
from exporter.account.period import NO_REASON, Period, PeriodName
from exporter.account.recorded_steps import CallSteps
from exporter.account.records import CallRecord
from exporter.account.reference_data import ReferenceData
from exporter.account.roster import Roster, roster_now
from exporter.account.unended import as_open
from exporter.aircall.call_times import API_HISTORY_S, TIMES
from exporter.aircall.data_limits import MAX_CALLS, MAX_CALLS_TODAY, Words
from exporter.aircall.decoding import InvalidResponseError
from exporter.aircall.models import KINDS, Call, CallDetails, CallWithDetails, Page
from exporter.config.settings import Settings

CLOCK_SET_BACK_S = 60.0
"""Seconds by which Aircall's clock is behind when it was set back; events are less ahead of a poll."""


class Account:
    """All data of the account, dataset by dataset."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.changes = Changes()
        """What changed since the last board."""
        self.reference_data = ReferenceData(self.changes.users)
        self.directory, self.presence = self.reference_data.directory, self.reference_data.presence
        self.known, self.malformed = self.reference_data.known, self.reference_data.malformed
        self.limits = self.reference_data.limits
        self.reasons = Words("missed_call_reasons", (*MISSED_REASONS, NO_REASON))
        """The reasons of missed calls that have series of their own."""
        self.ignored = Distinct()
        """The calls that were ignored because their direction is unknown."""
        self.calls = CallStore()
        self.menus = MenuKnowledge()
        self.coverage = Coverage()
        rules = service_rules(settings)
        self.recent, self.today = Period(rules), Period(rules)
        self.identities = Identities(self.reference_data)
        """The users, numbers and teams of calls that have series of their own."""
        self.ledger = Ledger(settings, self.identities)
        self.event_stats = EventStats(self.identities, self.limits)
        self.steps = CallSteps(self.limits)
        self.aside = SetAside()
        self.server_ahead = 0.0
        """Seconds by which Aircall's clock is ahead of ours."""
        self.clocks_agree = self.follows_date = False
        """Whether Aircall's `Date` and the machine's clock agree, and whether `Date` is believed."""
        self.new_starts: set[int] = set()
        """Starts (UNIX seconds, Aircall's clock) of fetched calls, not used by the server clock yet."""
        self.as_of = 0.0
        """The end of the periods (UNIX seconds, Aircall's clock): the last poll of calls."""
        self.day = DayProgress()
        """Whether `today` is complete."""
        self.first_poll_at: float | None = None  # when it began (UNIX seconds, Aircall's clock)
        self.seen_without_number = False
        """Whether a call without a number has waited since the start."""
        self.required_backfill_s: float | None = None  # the setting that the coverage fulfils
        self.awaited = AwaitedTimelines()
        self.call_backs = OpenCallBacks()
        self.board_builder = BoardBuilder()
        self._too_old: frozenset[int] = frozenset()

    def configure(self, settings: Settings) -> None:
        """Apply a changed configuration and keep all data."""
        if settings.activity_period > self.settings.activity_period:
            self.calls.reset()
        self.settings = settings
        rules = service_rules(settings)
        self.recent, self.today = Period(rules), self.today.recounted(rules)
        self.begin_day()
        for call in self.calls.calls.values():
            self.put_into_periods(call)

    def apply_call_page(self, page: Page[CallWithDetails], at: float) -> None:
        """Take in a page of calls that was requested `at` (our clock)."""
        self.malformed["call"] += page.malformed
        self.limits.update(page.exceeded)
        if not self.has_room_for_calls():
            raise InvalidResponseError(f"more than {MAX_CALLS} calls in the last hours")
        starts = {read.call.started_at for read in page.items}
        self.new_starts |= starts
        self.coverage.add_starts(starts)
        for read in page.items:
            self.malformed.update(kind for kind in KINDS if kind in read.unread)
            self.malformed["call"] += not TIMES.isdisjoint(read.unread)
            self.reference_data.saw_teams_in_call(read.team_ids)
            self.menus.has_timelines |= read.has_timeline
            self.steps.record_menus(read.call.id, read.menu_steps)
            call = replace(completed(read, self.calls.calls.get(read.call.id)), as_of=at)
            if self._is_expired(call):
                continue
            self.apply_call(call, read.details, at)
            if read.transferred_outside:
                self.calls.talking.reported(call, left=True, at=at)
        self.ignore_calls(page.ignored)

    def has_room_for_calls(self) -> bool:
        """Return whether another call fits into memory; if not, count that the limit was exceeded."""
        room = len(self.calls.calls) < MAX_CALLS
        self.limits["calls"] += not room
        return room

    def ignore_calls(self, call_ids: Iterable[int]) -> None:
        """Count calls whose direction is unknown, such as internal ones, and do not show them."""
        for call_id in call_ids:
            self.ignored.add(call_id)
            if call_id in self.calls.active:
                self.remove_call(call_id)

    def apply_call(self, call: Call, details: CallDetails, at: float, by_event: bool = False) -> bool:
        """Take in a call, and count it once it is done.

        Returns whether it was applied. It is not if a newer version of it is known. A done call that was
        reported `by_event` is counted after it was fetched, if only then all is known about its menus.
        """
        call = with_menus(self, call)
        as_read = CallRecord(call, details, self.settings.caller)
        call = self.with_bounded_reason(call)
        # the caller is shown for active calls only; the archive stores the number of every call
        done = call.phase == "done"
        call = replace(call, raw_digits=None) if done else self.identities.shown(call)
        known = self.calls.calls.get(call.id)
        since = self.as_of - INITIAL_LOOKBACK_S
        is_recent = call.started_at >= since or call.id in self.ledger.unfinished_ids
        awaits_timeline = by_event and menus_may_follow(self, call)
        newly_done = self.calls.apply(call, at, is_recent, not awaits_timeline)
        if self.calls.calls[call.id] is not call:
            if done and not by_event:
                count_awaited(self, call.id)  # an older version has the timeline, too
            return False
        self.awaited.pop(call.id)
        if done and call.id in self.calls.active:
            if call.id not in self.calls.unended:
                self.awaited.add(as_read, at)
            as_read = CallRecord(as_open(as_read.call), details, as_read.shown)
        self.changes.mark_call(known)
        self.changes.mark_call(call)
        self.put_into_periods(call)
        self.ledger.add(call, as_read, newly_done)
        self.limits["calls_waiting_for_teams"] += newly_done and self.ledger.more_for_teams
        return True

    def with_bounded_reason(self, call: Call) -> Call:
        """Return the call with a reason that has series of its own, or `other`."""
        reason = call.missed_call_reason
        return replace(call, missed_call_reason=self.reasons.word(reason, self.limits)) if reason else call

    def _is_expired(self, call: Call) -> bool:
        """Return whether a call that has not ended is past its retention, so it is not saved again.

        The archive counts a done call before deleting it. A wrong clock must not drop calls.
        """
        return self.clocks_agree and call.phase != "done" and call.started_at < self.retained_since

    def remove_expired(self) -> None:
        """Remove active calls past their retention. The archive deletes them, too."""
        for call in filter(self._is_expired, self.calls.active_calls()):
            self.changes.mark_call(call)
            self.calls.remove(call.id)

    def remove_call(self, call_id: int) -> None:
        """Remove a call that no longer exists at Aircall. It stays if an event has reported its end."""
        if count_awaited(self, call_id):
            return
        self.changes.mark_call(self.calls.calls.get(call_id))
        self.calls.remove(call_id)
        self.ledger.remove(call_id)

    def mark_calls_fetched(self, since: int, begun: float, read_from: int = 0) -> None:
        """Record that a poll has fetched the calls from `since` to `begun` (UNIX seconds, Aircall's clock).

        If a failure ended the poll early, it has fetched those from `read_from` on. The rest becomes a gap.
        """
        self.calls.mark_fetched(since, begun)
        if read_from > since:
            self.calls.complete_since = max(self.calls.complete_since, read_from)
        first, last = max(since - LATE_ARRIVAL_S, int(self.calls.complete_since)), int(begun) - LATE_ARRIVAL_S
        self.coverage.end_poll(first, last)
        self.day.mark_fetched(first, last)
        self.known.add("calls")

    def mark_backfilled(self, first: int, last: int) -> None:
        """Record that all calls that began from `first` to `last` have been fetched."""
        if first <= last:
            self.coverage.mark_fetched(first, last)
            self.day.mark_fetched(first, last)
            self.aside.range_worked((first, last))

    @property
    def periods(self) -> Mapping[PeriodName, Period]:
        """The periods that are shown, by name: `today` only if none of its calls is missing."""
        is_complete = self.ledger.totals is not None and self.day.is_complete(self.aside)
        return {"recent": self.recent, **({"today": self.today} if is_complete else {})}

    @property
    def retained_since(self) -> int:
        """The earliest start (UNIX seconds, Aircall's clock) of a call that Aircall and the archive keep."""
        retention = self.settings.storage.retention
        return int(self.as_of - (min(retention, API_HISTORY_S) if retention else API_HISTORY_S))

    def advance_to(self, server_now: float) -> None:
        """Move the end of the activity period to `server_now` (UNIX seconds, Aircall's clock)."""
        set_back = server_now < self.as_of - CLOCK_SET_BACK_S
        self.as_of = server_now = server_now if set_back else max(server_now, self.as_of)
        if set_back:
            self.day.start_again()
        self.begin_day()
        for call in self.recent.slide(server_now - self.settings.activity_period):
            self.changes.mark_call(call)
        if set_back:
            for call in self.calls.calls.values():
                self.changes.mark_call(call)
                self.put_into_periods(call)
        for call_id in self.awaited.overdue(server_now - self.server_ahead):
            count_awaited(self, call_id)
        read_to = server_now if self.calls.fetched_until is None else self.calls.fetched_until
        added_up = self.event_stats.collect(
            self.calls.calls, self.calls.active, server_now, self.ledger.bounds
        )
        self.changes.totals |= self.ledger.count(added_up.totals)
        for call, counts in added_up.ring_attempts:
            self.ledger.add_ring_attempts(call, counts)
        self.calls.prune(self.store_since(min(server_now, read_to)), server_now)

    def store_since(self, now: float) -> float:
        """Return the start (UNIX seconds, Aircall's clock) before which done calls leave the memory."""
        return now - max(self.settings.activity_period, INITIAL_LOOKBACK_S)

    def put_into_periods(self, call: Call) -> None:
        """Count a done call in the periods in which it started, and in no other."""
        if call.phase == "done" and call.id not in self.calls.unended:
            shown = self.identities.shown(call)
            for period, start in self._starts():
                if call.started_at < start:
                    self.changes.mark_call(period.remove(call.id))
                elif period is self.recent or self._has_room_today(call):
                    self.changes.mark_call(period.put(shown))

    def _starts(self) -> tuple[tuple[Period, float], ...]:
        """Return the periods, and when they began (UNIX seconds, Aircall's clock)."""
        return (self.recent, self.as_of - self.settings.activity_period), (self.today, self.day.start)

    def begin_day(self) -> None:
        """Set when the day of `as_of` began, but not before the calls that are to be fetched."""
        if not self.as_of:
            return
        start = max(day_start(self.as_of, self.settings.today), self.coverage.required_since or 0)
        is_earlier = self.day.begin_at(start)
        for call in self.today.slide(start):
            self.changes.mark_call(call)
        for call in self.calls.calls.values() if is_earlier else ():
            self.put_into_periods(call)

    def _has_room_today(self, call: Call) -> bool:
        """Return whether a call of the day fits into memory. If not, the day has no figures."""
        is_known = self.today.get(call.id) is not None
        if not self.day.exceeded and (is_known or len(self.today) < MAX_CALLS_TODAY):
            return True
        self.limits["calls_today"] += 1
        if not self.day.exceeded:
            self.day.exceed()
            self.today = Period(self.today.rules)
        return False

    def shown_calls(self) -> list[Call]:
        """Return the active calls, without those that are done or began too long ago to be shown."""
        too_old = self.calls.too_old()
        for call_id in too_old ^ self._too_old:
            self.changes.mark_call(self.calls.calls.get(call_id))
        self._too_old = too_old
        return [call for call in self.calls.active_calls() if call.phase != "done" and call.id not in too_old]

    def roster(self, shown: list[Call]) -> Roster:
        """Return who belongs where. `shown` are the calls on the board."""
        return self.board_builder.roster(roster_now(self.reference_data, shown, self.recent, self.settings))
