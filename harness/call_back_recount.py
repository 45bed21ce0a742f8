"""A plain recount of the simulated account's call-backs: slow, and without the exporter's code."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from exporter.simulator.models import SimulatedCall
from exporter.simulator.simulation import SimulatedAccount
from harness.recount import by_ai_agent


class Rules(NamedTuple):
    """The settings of call-backs, in seconds."""

    after: float = 0
    expire: float = 7 * 86400
    ignored: tuple[str, ...] = ("short_abandoned",)


class Ended(NamedTuple):
    """A call-back that ended: its result, the number's id, and the seconds to the conversation."""

    result: str
    number: str
    seconds: int | None


class Caller(NamedTuple):
    """A caller who is open: the missed calls that have not expired, oldest first."""

    digits: str
    missed: tuple[SimulatedCall, ...]

    @property
    def number(self) -> str:
        """The id of the number that they called first."""
        return number_of(self.missed[0])

    @property
    def voicemail(self) -> bool:
        """Whether they left a voicemail that is not archived."""
        return any(call.voicemail and not call.archived for call in self.missed)


def number_of(call: SimulatedCall) -> str:
    """Return the id of a call's number; empty without one."""
    return "" if call.number_id is None else str(call.number_id)


def is_missed(call: SimulatedCall, rules: Rules) -> bool:
    """Return whether a caller has to be called back because of a call."""
    return call.missed_call_reason is not None and call.missed_call_reason not in rules.ignored


def is_talk(call: SimulatedCall) -> bool:
    """Return whether a user and the other party have talked."""
    return call.answered_at is not None and call.missed_call_reason is None and not by_ai_agent(call)


def order(call: SimulatedCall) -> tuple[int, int]:
    """Return the position of a call among all calls."""
    return call.started_at, call.id


def open_callers(account: SimulatedAccount, now: float, rules: Rules) -> list[Caller]:
    """Return the callers who are open."""
    found = []
    for digits, calls in _by_caller(account).items():
        last_talk = max((order(call) for call in calls if is_talk(call)), default=(0, 0))
        missed = [
            call
            for call in calls
            if is_missed(call, rules) and order(call) > last_talk and now - call.started_at < rules.expire
        ]
        if missed and now - (missed[0].ended_at or 0) >= rules.after:
            found.append(Caller(digits, tuple(missed)))
    return found


def anonymous(account: SimulatedAccount, now: float, rules: Rules) -> Counter[str]:
    """Return the missed calls of anonymous callers that have not expired, by number."""
    return Counter(
        number_of(call)
        for call in account.calls.values()
        if call.raw_digits == "anonymous" and is_missed(call, rules) and now - call.started_at < rules.expire
    )


def ended(account: SimulatedAccount, since: float, until: float, rules: Rules) -> list[Ended]:
    """Return the call-backs that ended with a call from `since` to `until`, or expired by then."""
    return [each for calls in _by_caller(account).values() for each in _ended(calls, since, until, rules)]


def _ended(calls: list[SimulatedCall], since: float, until: float, rules: Rules) -> Iterator[Ended]:
    for position, call in enumerate(calls):
        if call.started_at < since:
            continue
        if is_talk(call) and call.started_at <= until:
            before = list(_missed_before(calls[:position], call, rules))
            if before and call.answered_at is not None and before[-1].ended_at is not None:
                seconds = call.answered_at - before[-1].ended_at
                if seconds >= rules.after:
                    result = "called_again" if call.direction == "inbound" else "called_back"
                    yield Ended(result, number_of(before[-1]), max(0, seconds))
        if is_missed(call, rules) and call.started_at + rules.expire <= until:
            later = (other for other in calls[position + 1 :] if is_missed(other, rules) or is_talk(other))
            following = next(later, None)
            if following is None or following.started_at - call.started_at >= rules.expire:
                yield Ended("expired", number_of(call), None)


def _missed_before(before: list[SimulatedCall], talk: SimulatedCall, rules: Rules) -> Iterator[SimulatedCall]:
    for call in reversed(before):
        if is_talk(call):
            return
        if is_missed(call, rules) and talk.started_at - call.started_at < rules.expire:
            yield call


def _by_caller(account: SimulatedAccount) -> dict[str, list[SimulatedCall]]:
    calls: defaultdict[str, list[SimulatedCall]] = defaultdict(list)
    for call in sorted(_finished_or_answered(account.calls.values()), key=order):
        if call.raw_digits != "anonymous":
            calls[call.raw_digits].append(call)
    return calls


def _finished_or_answered(calls: Iterable[SimulatedCall]) -> Iterator[SimulatedCall]:
    return (call for call in calls if call.status != "initial")
