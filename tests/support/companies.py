"""Companies whose dashboards are compared with the calls of their accounts."""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from exporter.config.settings import Group, Refresh, ServiceLevel, Thresholds
from exporter.durations import Duration
from exporter.simulator.faults import Fault, Respond, answer, close_connection, cut_off, malformed
from exporter.simulator.models import SimulatedCall
from exporter.simulator.simulation import SimulatedAccount
from harness import recount
from harness.simulated_time import NOON
from tests.support.prometheus_history import TOKEN, Company
from tests.support.ring_plan import RingPlan

HOUR = 3600
TODAY = NOON // HOUR * HOUR
"""The last hour of `days` begins here."""


def busy() -> Company:
    """Return a company in a busy hour in which the exporter is restarted.

    Two users have the same name, one is in no team, some are in two, and there are groups.
    """
    account = SimulatedAccount(users=12, calls_per_hour=120, start=NOON)
    users, numbers = list(account.users.values()), list(account.numbers.values())
    users[-1].name = users[4].name
    for team in account.teams.values():
        team.user_ids.discard(users[6].id)
    groups = (
        Group("Desk", users=(users[0].id, users[-1].id)),
        Group("By number", numbers=(numbers[1].name,)),
    )
    settings = {
        "sla": Duration(8),
        "groups": groups,
        "thresholds": Thresholds(missed_rate=0.3),
        "service_level": ServiceLevel(target=0.5),
    }
    return Company("busy", account, every=10, settings=settings)


HOURS = 30


def days() -> Company:
    """Return a company with a day and six hours of calls, all in the first half of an hour."""
    begin = TODAY - (HOURS - 1) * HOUR
    account = SimulatedAccount(users=3, calls_per_hour=0, start=begin - HOUR)
    for hour in range(HOURS):
        for minute, wait in _calls_of(hour):
            account.schedule(begin + hour * HOUR + minute * 60, partial(_call, account, hour, wait))
    every = Duration(240)
    rarely = Refresh(calls=every, availabilities=every, substatuses=every)
    return Company("days", account, every=240, settings={"refresh": rarely})


def _calls_of(hour: int) -> Iterator[tuple[int, int | None]]:
    """Yield minute and wait of the hour's calls, without a wait if missed. No hour is like the day before."""
    for number in range(hour * 7 % 5):
        yield 2 + 5 * number, 5 + hour % 30
    for number in range(hour * 5 % 3):
        yield 4 + 8 * number, None


def _call(account: SimulatedAccount, hour: int, wait: int | None) -> None:
    numbers, users, now = list(account.numbers.values()), list(account.users), account.now
    number = numbers[hour % len(numbers)]
    call = account.ring_in(number.id, "+33 1 22 33 44 55")
    if wait is None:
        account.schedule(now + 40, partial(account.miss, call.id, "no_available_agent"))
    else:
        account.schedule(now + wait, partial(account.answer, call.id, users[hour % len(users)]))
        account.schedule(now + wait + 60, partial(account.hang_up, call.id))


TROUBLE: tuple[tuple[str, str, Respond, float, float], ...] = (
    ("/v1/calls", "500", answer(500), 120, 165),
    ("/v1/users/availabilities", "503", answer(503), 240, 285),
    ("/v1/calls", "429", answer(429), 360, 362),
    ("/v1/calls", "connection", close_connection, 480, 525),
    ("/v1/users/availabilities", "invalid", cut_off, 600, 645),
)
"""Path, code of the failure, response, and the first and last second of each fault."""
UNREADABLE = (720, 745)
"""The first and last second in which each page of calls has two objects that cannot be decoded."""


def troubled() -> Company:
    """Return a company of twenty minutes in which requests to Aircall fail several times."""
    account = SimulatedAccount(users=3, calls_per_hour=0, start=NOON)

    def between(path: str, begin: float, end: float, requested: str) -> bool:
        return requested == path and NOON + begin <= account.now < NOON + end

    faults = [Fault(partial(between, path, begin, end), respond) for path, _, respond, begin, end in TROUBLE]
    faults.append(Fault(partial(between, "/v1/calls", *UNREADABLE), malformed(None, {"id": "?"})))
    pushed = [json.dumps({"event": "contact.created", "token": token}).encode() for token in (TOKEN, "wrong")]
    return Company("troubled", account, every=10, served={"faults": faults}, pushed=tuple(pushed))


def reported() -> tuple[Company, RingPlan]:
    """Return a company whose exporter receives all events, and what rings on its users from now on.

    Its last call begins after ten minutes.
    """
    account = SimulatedAccount(users=9, calls_per_hour=600, seed=3, start=NOON)
    account.schedule(NOON + 600, account.stop_traffic)
    return Company("reported", account, every=10, receives_events=True), RingPlan(account)


def teams(company: Company) -> dict[str, set[int]]:
    """Return the members by name of Aircall's teams, of Single Users, and of the groups."""
    account = company.account
    members = {team.name: set(team.user_ids) for team in account.teams.values()}
    members["Single Users"] = account.users.keys() - set().union(*members.values())
    for group in company.settings.get("groups", ()):
        answering = (number.user_ids for number in account.numbers.values() if number.name in group.numbers)
        members[group.name] = set(group.users).union(*answering)
    return members


def ended(company: Company, begin: float, end: float) -> list[SimulatedCall]:
    """Return the calls that ended after `begin` up to `end` (UNIX seconds)."""
    return [
        call
        for call in company.account.calls.values()
        if call.ended_at is not None and begin < call.ended_at <= end
    ]


def quiet(company: Company, step: int) -> list[int]:
    """Return the multiples of `step` at which all ended calls are in a scrape.

    Only at such a time can a board be compared with the calls of the account.
    """
    first, last = company.scrapes[0] + company.late, company.scrapes[-1]
    moments = range(int(first // step + 1) * step, int(last) + 1, step)
    return [moment for moment in moments if not ended(company, moment - company.late, moment)]


def settled(company: Company) -> list[int]:
    """Return the times at which no call is about to leave the activity period."""
    starts = [call.started_at for call in company.account.calls.values()]

    def leaves(now: int) -> bool:
        return any(
            now - recount.PERIOD - company.late <= start <= now - recount.PERIOD + 1 for start in starts
        )

    return [now for now in quiet(company, 20) if not leaves(now)]


def whole(company: Company) -> tuple[int, int]:
    """Return the first and the last quiet minute."""
    moments = quiet(company, 60)
    return moments[0], moments[-1]


def counted_whole(bars: Mapping[float, float], moments: Iterable[float], late: float) -> None:
    """Assert that bars count each of the times in `moments` once.

    A time is in a scrape within `late` seconds. At the beginning of the first bar and at the end of the last
    one, all earlier times are in a scrape.
    """
    happened = list(moments)

    def count(begin: float, end: float) -> int:
        return sum(begin < moment <= end for moment in happened)

    times = sorted(bars)
    step = times[1] - times[0]
    for now in times:
        assert count(now - step, now - late) <= bars[now] <= count(now - step - late, now)
        assert bars[now].is_integer()
    assert sum(bars.values()) == count(times[0] - step, times[-1])
