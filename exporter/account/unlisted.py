"""Unlisted objects: users, numbers and teams that appear in calls or events, but in no list."""

from collections.abc import Collection, Iterable, Set
from typing import Literal, NamedTuple

from exporter.account.period import Period
from exporter.account.reference_data import ReferenceData
from exporter.aircall.models import Call

UnlistedKind = Literal["user", "number", "team", "user who left"]
UnlistedObject = tuple[UnlistedKind, int]

MAX_REMEMBERED = 10_000
"""Unlisted objects that are remembered as reported."""

REPORT_INTERVAL_S = 600.0
"""Seconds after which an object that is still unlisted is reported again; doubled each time."""


class _Report(NamedTuple):
    interval: float
    again_at: float


def find_unlisted(lists: ReferenceData, live: Collection[Call], period: Period) -> frozenset[UnlistedObject]:
    """Return unlisted objects, and listed users without an availability.

    From the done calls of the period, only users and numbers count that no list has ever named: calls of a
    deleted user are no reason to fetch the lists again.
    """
    directory, present = lists.directory, lists.presence.users.keys()
    in_calls, on = _in_calls(live)
    users = (in_calls | present | lists.members_listed) - directory.users.keys()
    numbers = on - directory.numbers.keys()
    gone = directory.users.keys() - present if "availabilities" in lists.known else frozenset()
    found: dict[UnlistedKind, Iterable[int]] = {
        "user": users | directory.unnamed_users(period.users.keys()),
        "number": numbers | directory.unnamed_numbers(period.numbers.keys()),
        "team": lists.teams_in_calls - directory.members.keys(),
        "user who left": gone,
    }
    return frozenset((kind, id_) for kind, ids in found.items() for id_ in ids)


def unnamed(lists: ReferenceData, live: Collection[Call], period: Period) -> tuple[Set[int], Set[int]]:
    """Return the users and numbers in calls or availabilities that no list has ever named."""
    directory = lists.directory
    in_calls, on = _in_calls(live)
    return (
        directory.unnamed_users(in_calls | period.users.keys() | lists.presence.users.keys()),
        directory.unnamed_numbers(on | period.numbers.keys()),
    )


def _in_calls(live: Collection[Call]) -> tuple[Set[int], Set[int]]:
    """Return the users and the numbers of these calls."""
    return {call.user.id for call in live if call.user}, {call.number.id for call in live if call.number}


class UnlistedReporter:
    """Reports each unlisted object at once, and then ever more rarely while it is unlisted."""

    def __init__(self) -> None:
        self._reported: dict[UnlistedObject, _Report] = {}

    def due(
        self, found: frozenset[UnlistedObject], lists: ReferenceData, now: float
    ) -> frozenset[UnlistedObject]:
        """Return which of the objects `found` are to be reported `now` (UNIX seconds, our clock)."""
        reported = self._reported = {
            each: report for each, report in self._reported.items() if not _resolved(each, lists)
        }
        new = list(found - reported.keys())[: max(0, MAX_REMEMBERED - len(reported))]
        again = [each for each in found & reported.keys() if now >= reported[each].again_at]
        for each in (*new, *again):
            interval = 2 * reported[each].interval if each in reported else REPORT_INTERVAL_S
            reported[each] = _Report(interval, now + interval)
        return frozenset((*new, *again))


def _resolved(unlisted: UnlistedObject, lists: ReferenceData) -> bool:
    kind, id_ = unlisted
    directory = lists.directory
    match kind:
        case "user":
            return id_ in directory.users
        case "number":
            return id_ in directory.numbers
        case "team":
            return id_ in directory.members
        case _:
            return id_ in lists.presence.users or id_ not in directory.users
