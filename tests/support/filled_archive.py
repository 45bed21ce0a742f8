"""An archive of busy hours, and the calls that a search is expected to find in it."""

from exporter.archive.criteria import PARAMETERS, Criteria
from exporter.archive.search import FoundTotals
from exporter.archive.store import Archive
from exporter.archive.text_index import normalize
from exporter.simulator.models import SimulatedCall
from exporter.simulator.simulation import SimulatedAccount
from harness import recount
from harness.simulated_time import NOON, polled

SINCE, UNTIL = int(NOON) - 900, int(NOON) + 10_000
PERIOD = Criteria(SINCE, UNTIL)


class Kept:
    """The archive at `url`, its account, and the `address` of the API, or an empty text if there is none."""

    def __init__(self, url: str) -> None:
        self.url, self.address = url, ""
        self.account = SimulatedAccount(users=24, calls_per_hour=300, seed=5, start=NOON)
        with polled(self.account, archive=Archive(url)) as world:
            world.live_until_complete()
            world.live(900)
            ended = [call for call in self.account.calls.values() if call.ended_at and not call.tags]
            for position, call in enumerate(ended[-60:]):
                self.account.tag(call.id, ("VIP", "100%", "O'Hara")[position % 3])
                self.account.comment(call.id, ("called back", "a_b", "Ünïcode")[position % 3])
            world.freeze()
            world.poller.account.coverage.fetched = ()
            world.poll()
            while world.poller.account.coverage.seconds_missing:
                world.live(10)
            world.live(60)
        self.archive = Archive(url)
        self.calls = [c for c in self.account.calls.values() if c.started_at >= SINCE]

    def matching(self, criteria: Criteria) -> list[SimulatedCall]:
        """Return the calls that match, newest first."""
        found = [call for call in self.calls if self._matches(call, criteria)]
        return sorted(found, key=lambda call: (call.started_at, call.id), reverse=True)

    def _matches(self, call: SimulatedCall, criteria: Criteria) -> bool:
        length = None if call.ended_at is None else call.ended_at - call.started_at
        missed = call.missed_call_reason is not None
        tags, comments = [name for name, _ in call.tags], [text for text, _ in call.comments]
        names = [call.user.name if call.user else "", call.number.name if call.number else ""]
        searched = [call.raw_digits, call.missed_call_reason or "", *tags, *comments, *names]
        digits = _digits(call.raw_digits)
        return all(
            (
                criteria.since <= call.started_at <= criteria.until,
                not criteria.users or called(call.user_id, names[0]) & set(criteria.users),
                not criteria.rang,  # no events have arrived
                not criteria.teams or self._teams(call) & set(criteria.teams),
                not criteria.numbers or called(call.number_id, names[1]) & set(criteria.numbers),
                not criteria.directions or call.direction in criteria.directions,
                not criteria.assets
                or ("recording" in criteria.assets and call.recorded)
                or ("voicemail" in criteria.assets and call.voicemail),
                criteria.missed is None or (call.ended_at is not None and missed == criteria.missed),
                not criteria.reasons or call.missed_call_reason in criteria.reasons,
                criteria.longer_than is None or (length is not None and length > criteria.longer_than),
                criteria.shorter_than is None or (length is not None and length < criteria.shorter_than),
                not criteria.tags or set(tags) & set(criteria.tags),
                not criteria.callers
                or any(
                    _digits(c) in digits if _digits(c) else c == call.raw_digits for c in criteria.callers
                ),
                not criteria.texts
                or any(
                    normalize(text) in normalize(each)
                    for text in criteria.texts
                    for each in (*searched, digits)
                ),
            )
        )

    def _teams(self, call: SimulatedCall) -> set[str]:
        """Return the names and ids by which the teams of a done call may be searched."""
        if call.ended_at is None:
            return set()
        teams = [(str(team.id), team.name, team.user_ids) for team in self.account.teams.values()]
        in_teams = set().union(*(members for _, _, members in teams))
        teams.append(("none", "Single Users", self.account.users.keys() - in_teams))
        users = {call.user.id} if call.user else set()
        if call.missed_call_reason is not None:
            users = call.number.user_ids if call.number else set()
        called = ((members, (id_, title, f"{title} {id_}")) for id_, title, members in teams)
        return {name for members, names in called if members & users for name in names}

    def totals(self, criteria: Criteria) -> FoundTotals:
        """Return the totals of the calls that match."""
        calls = self.matching(criteria)
        done = [call for call in calls if call.ended_at is not None]
        answered = [call for call in done if call.answered_at is not None and not call.missed_call_reason]
        waits = [_wait(call) for call in answered if call.direction == "inbound"]
        return FoundTotals(
            calls=len(calls),
            inbound=sum(call.direction == "inbound" for call in calls),
            outbound=sum(call.direction == "outbound" for call in calls),
            answered=len(answered),
            missed=sum(call.direction == "inbound" for call in done) - len(waits),
            unanswered=sum(call.direction == "outbound" for call in done) - (len(answered) - len(waits)),
            ai_agent=0,
            seconds_talked=sum(_talk(call) for call in answered),
            average_seconds_to_answer=sum(waits) / len(waits) if waits else None,
        )


def _wait(call: SimulatedCall) -> int:
    """Return the seconds until an answered call was answered."""
    assert call.answered_at is not None
    return call.answered_at - recount.waits_from(call)


def _talk(call: SimulatedCall) -> int:
    """Return the seconds from the answer of a done call to its end."""
    assert call.ended_at is not None
    assert call.answered_at is not None
    return call.ended_at - call.answered_at


def _digits(text: str) -> str:
    return "".join(sign for sign in text if sign in "0123456789")


def texts_of(criteria: Criteria) -> dict[str, list[str]]:
    """Return criteria as texts of a command line or query, by the names of the parameters."""
    texts: dict[str, list[str]] = {}
    for parameter in PARAMETERS:
        value = getattr(criteria, parameter.field)
        values = value if parameter.several else () if value is None else (value,)
        form = {"duration": "{}s", "truth": "{}"}.get(parameter.kind, "{}")
        written = [form.format(each) for each in values]
        texts[parameter.name] = [t.lower() for t in written] if parameter.kind == "truth" else written
    return {name: values for name, values in texts.items() if values}


def called(id_: int | None, name: str) -> set[str]:
    """Return the names and ids by which an object may be searched."""
    return set() if id_ is None else {str(id_), name, f"{name} {id_}"}
