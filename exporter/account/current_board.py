"""Build the board of an account: everything about the company that a scrape serves."""

from collections import Counter
from collections.abc import Mapping

from exporter.account.account import Account
from exporter.account.board import Board, CallBackRow, CallBackRows, Counters
from exporter.account.board_rows import RowInputs, queue
from exporter.account.menu_stages import menu_source, stages, without_future_menus
from exporter.account.open_call_backs import NO_CALL_BACKS
from exporter.account.roster import Roster
from exporter.account.undecided_users import decides_counters, without_undecided
from exporter.account.user_limit import OTHER_NUMBERS, apply_user_limit
from exporter.aircall.data_limits import LIMITS
from exporter.aircall.models import KINDS


def current_board(account: Account, server_ahead: float) -> Board:
    """Build the board from the present data. Only rows that changed since the last board are rebuilt."""
    talking = account.calls.talking
    talking.update_presence(account.presence.users)
    shown, periods = without_future_menus(account, account.shown_calls()), account.periods
    facts = RowInputs(
        account.roster(shown),
        account.presence.users,
        account.reference_data.substatus_times,
        periods,
        shown,
        talking,
        stages(account, shown),
    )
    waiting, in_menu = queue(facts), queue(facts, in_menu=True)
    account.seen_without_number |= any(not call.number.id for call in (*waiting, *in_menu))
    made = account.board_builder.rows(facts, account.changes)
    counters, ledger = Counters(), account.ledger
    if ledger.totals is not None and ledger.complete:
        if decides_counters(facts.roster, account.known):
            account.changes.totals |= ledger.show_users(facts.roster)
        counters = account.board_builder.counters(facts, account.changes, ledger.totals, ledger.bounds)
        if not ledger.teams_complete:
            counters = Counters(counters.users, counters.numbers)
    account.changes.clear()
    board = Board(
        settings=account.settings,
        known=frozenset(account.known),
        today_start=account.day.start if "today" in periods else None,
        server_ahead=server_ahead,
        users=made.users,
        teams=made.teams,
        numbers=made.numbers,
        queue=waiting,
        in_menu=in_menu,
        call_backs=_call_backs(account, facts.roster),
        menu_source=menu_source(account),
        queue_without_number=account.seen_without_number,
        counters=counters,
        malformed={kind: account.malformed[kind] for kind in KINDS},
        ignored_calls=account.ignored.count,
        limits={limit: account.limits[limit] for limit in LIMITS},
    )
    own = ledger.user_series.own
    return apply_user_limit(without_undecided(board, facts.roster, own), own, facts.roster.exclusion)


def _call_backs(account: Account, roster: Roster) -> CallBackRows:
    if not account.call_backs.is_known:
        return CallBackRows()
    found = account.call_backs.by_number(account.as_of)
    rows = {roster.directory.number(number_id): NO_CALL_BACKS for number_id in sorted(roster.numbers)}
    own = account.identities.numbers()
    for number_id, here in found.items():
        has_series = number_id is None or number_id in roster.numbers or str(number_id) in own
        label = roster.directory.number(number_id) if has_series else OTHER_NUMBERS
        rows[label] = rows.get(label, NO_CALL_BACKS).added(here)
    numbers = [CallBackRow(label, here.open, here.oldest_at, here.anonymous) for label, here in rows.items()]
    teams = [
        CallBackRow(team.label, sum((Counter(found[n].open) for n in team.numbers & found.keys()), Counter()))
        for team in roster.teams
        if team.numbers is not None
    ]
    return CallBackRows(tuple(numbers), tuple(teams))


def doubtful_calls(account: Account, now: float) -> Mapping[bool, int]:
    """Return how many active calls should have ended, by whether they are still shown.

    `now` is when calls were last fetched (our clock).
    """
    too_old = account.calls.too_old()
    aside = account.calls.active.keys() & account.aside.objects("call")
    doubtful = account.calls.doubtful_calls(now) | aside | too_old
    return {True: len(doubtful - too_old), False: len(too_old)}
