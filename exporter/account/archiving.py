"""Exchange the data of an account with the archive: batches to save, and the state to continue from."""

from collections.abc import Callable

from exporter.account.account import Account
from exporter.account.call_backs import CallBackRules, CallBackTask
from exporter.account.call_store import LATE_ARRIVAL_S
from exporter.account.coverage import Coverage
from exporter.account.exclusion import Exclusion
from exporter.account.ledger import Ledger
from exporter.account.menu_stages import learn
from exporter.account.records import Batch, Checkpoint, Counting, DoneCalls, LoadedState, SaveResult
from exporter.account.removal_detector import CONFIRMATION_S
from exporter.account.roster import Roster
from exporter.account.times_in_state import Key as TimeKey
from exporter.account.times_in_state import TimeInState
from exporter.aircall.models import Call

MAX_WAIT_FOR_TEAMS_S = 600.0
"""Seconds after the first poll for which the time of users waits for their teams."""


def take_batch(account: Account) -> Batch:
    """Return what has to be saved since the last call of this function."""
    lists, mapped = account.reference_data, account.settings.map_users_to_numbers
    needed = {"users", "teams"} | ({"numbers", "assignments"} if mapped else set())
    believed = needed <= lists.known and not any(map(lists.suspicious, needed))
    teams_known = believed and account.ledger.totals is not None
    roster = account.roster(account.shown_calls()) if "users" in lists.known else None
    teams = roster.teams if roster and teams_known else ()
    if teams_known and account.ledger.pending_team_counts and not account.ledger.full:
        account.ledger.count_for_teams(teams, _waits_for_lists(account))
    batch = account.ledger.take_batch(account.coverage, teams_known)
    in_doubt = any(map(lists.incomplete.in_doubt, needed)) or (mapped and lists.assignments_in_doubt)
    batch.teams, batch.steps = () if in_doubt else teams, account.steps.take(account.as_of)
    batch.names = account.directory.drain_new_names()
    batch.measured = lists.substatus_times.take_unsaved()
    if roster:
        batch.times_in_state = _times_in_state(account, roster, believed)
    batch.day_requested = _day_to_request(account)
    if account.as_of:
        rules = CallBackRules.of(account.settings)
        batch.call_backs = CallBackTask(rules, account.as_of, account.identities.numbers())
        batch.complete_to = _complete_to(account) if batch.progress is not None else None
    return batch


def _times_in_state(account: Account, roster: Roster, teams_known: bool) -> dict[TimeKey, TimeInState]:
    """Return the time that users were signed in and that is to be saved now.

    It waits for the teams of users, but not for long, since it can be saved without them.
    """
    first = account.first_poll_at
    if first is None or (not teams_known and account.as_of - first < MAX_WAIT_FOR_TEAMS_S):
        return {}
    exclusion, teams = roster.exclusion, roster.teams_of_user

    def teams_of(user_id: int) -> tuple[str, ...] | None:
        has_teams = teams_known and user_id in teams
        return tuple(team.label.id for team in teams[user_id]) if has_teams else None

    def is_excluded(user_id: int) -> bool | None:
        return exclusion.excludes(user_id) or (None if exclusion.may_exclude(user_id) else False)

    times = account.reference_data.times_in_state
    return times.take(account.as_of, account.server_ahead, teams_of, is_excluded)


def _waits_for_lists(account: Account) -> Callable[[Call], bool]:
    """Return a function that says whether the teams of a call are not known yet.

    They follow from the number of a missed call, and from the user of any other one. An object that has just
    been created is in no list until the lists are fetched again.
    """
    lists, mapped = account.reference_data, account.settings.map_users_to_numbers
    directory, doubtful, recent = lists.directory, lists.doubtful_numbers, account.as_of - CONFIRMATION_S

    def waits(call: Call) -> bool:
        is_recent = (call.ended_at or 0) > recent
        if call.outcome != "missed":
            return is_recent and call.user is not None and call.user.id not in lists.users_before_teams
        if call.number is None or not mapped:
            return False
        return call.number.id in doubtful or (is_recent and call.number.id not in directory.numbers)

    return waits


def _complete_to(account: Account) -> int | None:
    """Return the start (UNIX seconds, Aircall's clock) up to which all calls are fetched.

    Ranges that cannot be fetched are left out. The archive considers calls that are not decided yet.
    """
    coverage = account.coverage
    if not coverage.fetched:
        return None
    latest = min(coverage.fetched[-1][1], int(account.as_of) - LATE_ARRIVAL_S)
    gaps = account.aside.without_ranges(coverage.gaps)
    return min([latest, *(first - 1 for first, _ in gaps)])


def _day_to_request(account: Account) -> int | None:
    """Return the start since which the archive is to return the calls of the day, or None.

    They are not requested while it is in doubt which day it is.
    """
    is_open = account.ledger.totals is not None and not account.ledger.full
    return account.day.to_request if is_open and account.day.start and account.follows_date else None


def batch_accepted(account: Account, batch: Batch) -> None:
    """Record that the archive has accepted the batch."""
    account.ledger.batch_accepted()
    if batch.progress is not None:
        account.coverage.checkpoint = batch.progress
    if batch.day_requested is not None:
        account.day.request_accepted(batch.day_requested, account.coverage.fetched)


def batch_rejected(account: Account, batch: Batch) -> None:
    """Schedule the calls of a batch to be fetched and counted again: the archive had no room for it."""
    account.reference_data.substatus_times.not_saved(batch.measured)
    account.reference_data.times_in_state.take_back(batch.times_in_state)
    account.steps.taken_back(batch.steps)
    account.coverage.rollback()
    account.calls.recount_ids |= account.ledger.batch_rejected(batch, account.coverage)


def begin_again(account: Account) -> None:
    """Reset all that depends on the archive, as a restart does, after it was replaced.

    The board stays, and so do the ring attempts that are not saved, because events cannot be fetched again.
    """
    account.calls.keep_live()
    before, reported_calls, rings = account.ledger, account.ledger.reported_calls, account.ledger.rings
    account.coverage = Coverage(requested=account.coverage.requested)
    account.required_backfill_s = None
    account.ledger = Ledger(account.settings, account.identities)
    account.ledger.reported_calls, account.ledger.unfinished_ids = reported_calls, set(reported_calls)
    account.ledger.user_series, account.ledger.rings = before.user_series, rings
    rings.submit_again()
    account.day.request_lost()
    if account.as_of:
        period = account.settings.activity_period
        account.ledger.propose(Counting.at(account.as_of, period, account.clocks_agree))
    account.directory.renew_names()


def restore(account: Account, memory: LoadedState) -> None:
    """Continue from the state that the archive has stored."""
    account.reasons.add(key[2] for key, _ in memory.totals if key[0] == "missed_calls")
    account.identities.restore(key for key, _ in memory.totals)
    account.directory.remember(memory.names)
    known = account.calls.calls.keys() - account.calls.recount_ids
    account.ledger.restore(memory, known, Exclusion(account.directory, account.settings))
    account.ledger.count(account.event_stats.totals)
    account.reference_data.restore_substatus_times(memory.totals)
    account.menus.has_timelines |= memory.has_menus
    for call_id, menus in memory.menus.items():
        learn(account, call_id, menus)
    if memory.progress is not None:
        account.coverage.add_starts(memory.newest)
        account.coverage.restore(memory.progress, memory.purged_before)
        account.begin_day()


def batch_saved(account: Account, result: SaveResult, progress: Checkpoint | None) -> bool:
    """Take over the totals after a batch was saved.

    `progress` is the batch's checkpoint, None until all calls of the first fetch are in.
    Returns whether the board changes.
    """
    shown = account.ledger.visibility
    counted = account.ledger.saved(result, progress)
    account.changes.totals |= counted
    timed = account.reference_data.substatus_times.mark_saved(result.totals.items())
    account.changes.users |= timed
    if result.of_day is not None:
        _load_day(account, result.of_day)
    if result.call_backs is not None:
        account.call_backs.apply(result.call_backs, account.limits)
    return bool(counted or timed or result.of_day or result.call_backs) or account.ledger.visibility != shown


def _load_day(account: Account, archived: DoneCalls) -> None:
    """Take in the calls of the day that the archive has. Those in memory are as new or newer."""
    for call in archived.calls:
        if call.id not in account.calls.calls and account.today.get(call.id) is None:
            account.put_into_periods(account.with_bounded_reason(call))
            account.changes.mark_call(call)
    account.day.loaded(archived.since, account.as_of)
