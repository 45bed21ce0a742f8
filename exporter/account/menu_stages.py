"""Where each caller is: in a menu or with an AI voice agent, or waiting for a person.

Aircall's Live Monitoring does not count callers in menus as waiting. The API reports menus by call timelines
and events, for some companies only. Without both, all callers wait, as in the tutorial.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace

from exporter.account.period import Period
from exporter.aircall.menus import NO_MENUS, MenuTimes, merged
from exporter.aircall.models import Call

if TYPE_CHECKING:
    from exporter.account.account import Account

Stage = Literal["menu", "ringing", "unknown"]
"""`menu`: in a menu, or with an AI voice agent. `ringing`: waits for a person. `unknown`: counts as waiting,
because nothing else is known."""

MenuSource = Literal["timelines", "events", "none"]

FIRST_MENU_S = 120
"""Seconds after which a caller who has chosen nothing on a number with a menu counts as waiting: they may be
in the queue because the menu has timed out."""

MAX_MENU_S = 1800
"""Seconds after which a caller who entered a menu counts as waiting: the report of the end may be lost."""

MAX_LEAD_S = 120
"""Seconds by which a time may be ahead of the last poll. A later one is not shown."""

MAX_UNKNOWN_CALLS = 1000
"""Calls that are not in memory and whose times are kept, until they are fetched."""


class MenuKnowledge:
    """What is known about menus, apart from the calls in memory."""

    def __init__(self) -> None:
        self._of_unknown_calls: dict[int, MenuTimes] = {}
        self.has_timelines = False
        """Whether Aircall has sent a call timeline since the start, or an earlier run knew of a menu."""
        self.stages: Mapping[int, Stage] = {}
        """The stage of each waiting call on the last board."""

    def keep(self, call_id: int, times: MenuTimes) -> None:
        """Keep the times of a call that is not in memory."""
        self._of_unknown_calls[call_id] = times.merged(self._of_unknown_calls.pop(call_id, None))
        while len(self._of_unknown_calls) > MAX_UNKNOWN_CALLS:
            del self._of_unknown_calls[next(iter(self._of_unknown_calls))]

    def completed(self, call: Call, known: Iterable[Call | None]) -> Call:
        """Return the call with all that its `known` versions and earlier events say about menus."""
        menus = merged(call.menus, self._of_unknown_calls.pop(call.id, None))
        for version in known:
            menus = merged(menus, version.menus if version else None)
        return call if menus == call.menus else replace(call, menus=menus)


def menus_may_follow(account: "Account", call: Call) -> bool:
    """Return whether the timeline of a call that an event reports may say more about its menus.

    Until calls were fetched and the archive is open, it is unknown whether the company has timelines.
    """
    is_known = "calls" in account.known and account.ledger.totals is not None
    return call.direction == "inbound" and (account.menus.has_timelines or not is_known)


def learn(account: "Account", call_id: int, times: MenuTimes | None) -> bool:
    """Take in what is known about a caller's menus. Returns whether a done call has changed by it."""
    known = account.calls.calls.get(call_id)
    if times is None or times == NO_MENUS:
        return False
    if known is None:
        account.menus.keep(call_id, times)
        return False
    changed = account.menus.completed(replace(known, menus=times), [known])
    if changed == known:
        return False
    account.calls.calls[call_id] = changed
    is_done = changed.phase == "done"
    if is_done and (changed.left_menu_at, changed.outcome) == (known.left_menu_at, known.outcome):
        return False
    account.changes.mark_call(changed)
    account.put_into_periods(changed)
    return is_done


def with_menus(account: "Account", call: Call) -> Call:
    """Return a version of a call with all that is known about its menus.

    The version may be older than the known one, which then learns from it, too.
    """
    learn(account, call.id, call.menus)
    versions = account.calls.calls.get(call.id), account.recent.get(call.id), account.today.get(call.id)
    return account.menus.completed(call, versions)


def without_future_menus(account: "Account", shown: Iterable[Call]) -> list[Call]:
    """Return the calls that are shown, without times of menus that are ahead of Aircall's clock.

    They are kept otherwise, because the clock may be wrong and not the times.
    """
    latest = account.as_of + MAX_LEAD_S
    return [
        replace(call, menus=call.menus.until(latest)) if call.menus and call.waiting else call
        for call in shown
    ]


def stage_of(call: Call, number_has_menu: bool, now: float) -> Stage:
    """Return where a waiting caller is, `now` (UNIX seconds, Aircall's clock)."""
    menus = call.menus or NO_MENUS
    if menus.in_menu:
        return "menu" if now - menus.entered_at < MAX_MENU_S else "unknown"
    if menus.waits:
        return "ringing"
    return "menu" if number_has_menu and now - call.started_at < FIRST_MENU_S else "unknown"


def has_menu(periods: Iterable[Period], number_id: int | None) -> bool:
    """Return whether answered callers of a number had left a menu, in the first period with such calls."""
    for period in periods:
        tally = period.numbers.get(number_id or 0)
        if tally is not None and tally.inbound_answered:
            return tally.after_menu > 0
    return False


def stages(account: "Account", shown: Iterable[Call]) -> Mapping[int, Stage]:
    """Return the stage of each waiting call of those that are shown, and mark those that have changed."""
    found = {call.id: _stage(account, call) for call in shown if call.waiting}
    before, account.menus.stages = account.menus.stages, found
    for call_id in found.keys() | before.keys():
        if found.get(call_id) != before.get(call_id):
            account.changes.mark_call(account.calls.calls.get(call_id))
    return found


def _stage(account: "Account", call: Call) -> Stage:
    periods = account.recent, account.today
    number_id = call.number.id if call.number else None
    return stage_of(call, has_menu(periods, number_id), account.as_of)


def menu_source(account: "Account") -> MenuSource:
    """Return what reports the company's menus."""
    if account.menus.has_timelines:
        return "timelines"
    return "events" if any(tally.after_menu for tally in account.today.numbers.values()) else "none"
