"""Compute the expected archive and counters from the simulated account."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from exporter.simulator.models import SimulatedCall
from exporter.simulator.simulation import SimulatedAccount
from harness import expected_counts as ledger
from harness.expected_counts import COLUMNS, ArchivedCalls, Counts

Labels = tuple[str, ...]
OTHERS = "others"
"""In place of a user's id, all users beyond `user_limit`."""


@dataclass(frozen=True)
class FirstStart:
    """The exporter's first start (UNIX seconds). Earlier calls are archived and not counted.

    Counting begins between the two times of `counting_from`. Calls that began before are counted if they were
    active when they were first fetched. Calls that ended within `reading` may have been active or not.
    """

    counting_from: tuple[float, float]
    reading: tuple[float, float]

    def must_count(self, call: SimulatedCall) -> bool | None:
        """Return whether a call is to be counted; None if either is right."""
        if call.ended_at is None:
            return False
        first, last = self.counting_from
        if call.started_at > last:
            return True
        begun, done = self.reading
        if call.ended_at < begun:
            return None if call.started_at >= first else False
        return None if call.started_at >= first or call.ended_at <= done else True


@dataclass(frozen=True)
class Difference:
    """A difference from the expected data, and its calls."""

    text: str
    calls: tuple[SimulatedCall, ...] = ()


def may_be_counted(account: SimulatedAccount, first: FirstStart) -> Counts:
    """Return the upper bounds of the counters now."""
    calls = [call for call in account.calls.values() if first.must_count(call) is not False]
    return ledger.to_be_counted(account, calls)


def differing_calls(
    account: SimulatedAccount, first: FirstStart, archived: ArchivedCalls, callers: set[str]
) -> Iterator[Difference]:
    """Compare the archive's calls with those of the account; `callers` is how callers may be shown."""
    for id_, planned in ledger.expected_calls(account).items():
        call, found = account.calls[id_], archived.get(id_)
        if found is None:
            yield Difference(f"call {id_} is missing in the archive", (call,))
            continue
        expected, actual = dict(zip(COLUMNS, planned, strict=True)), dict(zip(COLUMNS, found, strict=True))
        expected |= _free(call, first, actual, callers)
        wrong = [name for name in COLUMNS if expected[name] != actual[name]]
        if wrong:
            words = ", ".join(f"{name} is {actual[name]!r}, expected {expected[name]!r}" for name in wrong)
            yield Difference(f"call {id_}: {words}", (call,))
    for id_ in archived.keys() - account.calls.keys():
        yield Difference(f"call {id_} is in the archive, and not in the account")


def _free(
    call: SimulatedCall, first: FirstStart, found: Mapping[str, Any], callers: set[str]
) -> dict[str, Any]:
    """Return the expected values of columns for which several values are correct."""
    free: dict[str, Any] = {"caller": " or ".join(sorted(forms := {_shown(call, how) for how in callers}))}
    if found["caller"] in forms:
        free["caller"] = found["caller"]
    must = first.must_count(call)
    counted = found["counted"] if must is None else must
    # the teams of a call that is not counted are inferred, sooner or later
    return free | {"counted": counted, "counted_for_teams": counted or found["counted_for_teams"]}


def _shown(call: SimulatedCall, how: str) -> str:
    """Return the caller as shown with a setting of `caller`: full, masked or hidden."""
    number = call.raw_digits
    if how == "hidden":
        return "hidden"
    if how == "full" or number == "anonymous":
        return number
    return "".join(
        "*" if sign.isdigit() and sum(map(str.isdigit, number[place:])) > 3 else sign
        for place, sign in enumerate(number)
    )


def _counted(
    account: SimulatedAccount, first: FirstStart, archived: ArchivedCalls
) -> Iterator[SimulatedCall]:
    """Return the calls that must be counted, and those that may be and that the archive has counted."""
    position = COLUMNS.index("counted")
    for call in account.calls.values():
        must = first.must_count(call)
        if must or (must is None and call.id in archived and archived[call.id][position]):
            yield call


def differing_counters(
    account: SimulatedAccount, first: FirstStart, archived: ArchivedCalls, found: Counts
) -> Iterator[Difference]:
    """Compare each series with the sum over the calls that must be counted.

    Calls of users beyond `user_limit` are in the series of `others`, also after the limit has been raised. So
    if there are others, only the sum over all users is compared.
    """
    calls = list(_counted(account, first, archived))
    planned = ledger.to_be_counted(account, calls)
    for family, series in planned.items():
        name, names = ledger.FAMILIES[family]
        is_summed = names[0] == "user_id" and any(OTHERS in labels for labels in found[family])
        grouped = _users_together if is_summed else lambda labels: labels
        expected, actual = _grouped(series, grouped), _grouped(found[family], grouped)
        for labels in sorted(expected.keys() | actual.keys()):
            if expected[labels] != actual[labels]:
                text = ",".join(f'{label}="{value}"' for label, value in zip(names, labels, strict=True))
                these = (
                    call
                    for call in calls
                    if any(of == family and grouped(to) == labels for of, to, _ in ledger.adds(account, call))
                )
                words = f"{name}{{{text}}} is {actual[labels]}, expected {expected[labels]}"
                yield Difference(words, tuple(these))


def _users_together(labels: Labels) -> Labels:
    """Replace a user's id, the first label, by one name for all users."""
    return ("any user" if labels[0] else "", *labels[1:])


def _grouped(series: Mapping[Labels, int], grouped: Callable[[Labels], Labels]) -> Counter[Labels]:
    together: Counter[Labels] = Counter()
    for labels, value in series.items():
        together[grouped(labels)] += value
    return together
