"""A busy while, kept in an archive; and which of its calls a search has to find, told from the plan."""

from exporter.archive.criteria import PARAMETERS, Criteria
from exporter.archive.search import FoundTotals
from exporter.archive.store import Archive
from exporter.archive.text_index import normalize
from exporter.simulator.models import SimulatedCall
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, polled

SINCE, UNTIL = int(NOON) - 900, int(NOON) + 10_000
PERIOD = Criteria(SINCE, UNTIL)


class Kept:
    """An archive at `url`, served at `address` if it is, and the account that it was read from."""

    def __init__(self, url: str) -> None:
        self.url, self.address = url, ""
        self.account = SimulatedAccount(users=24, calls_per_hour=300, seed=5, start=NOON)
        with polled(self.account, archive=Archive(url)) as world:
            world.live_until_complete()
            world.live(900)
            for position, call in enumerate(list(self.account.calls.values())[-60:]):
                self.account.tag(call.id, ("VIP", "100%", "O'Hara")[position % 3])
                self.account.comment(call.id, ("called back", "a_b", "Ünïcode")[position % 3])
            world.freeze()
            world.poller.account.coverage.fetched = ()
            world.poll()
            world.live(60)
        self.archive = Archive(url)
        self.calls = [c for c in self.account.calls.values() if c.started_at >= SINCE]

    def matching(self, criteria: Criteria) -> list[SimulatedCall]:
        """Return the calls that match, newest first."""
        found = [call for call in self.calls if self._matches(call, criteria)]
        return sorted(found, key=lambda call: (call.started_at, call.id), reverse=True)

    def _matches(self, call: SimulatedCall, wanted: Criteria) -> bool:
        length = None if call.ended_at is None else call.ended_at - call.started_at
        missed = call.missed_call_reason is not None
        tags, comments = [name for name, _ in call.tags], [text for text, _ in call.comments]
        names = [call.user.name if call.user else "", call.number.name if call.number else ""]
        hay = [call.raw_digits, call.missed_call_reason or "", *tags, *comments, *names]
        digits = _digits(call.raw_digits)
        return all(
            (
                wanted.since <= call.started_at <= wanted.until,
                not wanted.users or called(call.user_id, names[0]) & set(wanted.users),
                not wanted.teams or self._teams(call) & set(wanted.teams),
                not wanted.numbers or called(call.number_id, names[1]) & set(wanted.numbers),
                not wanted.directions or call.direction in wanted.directions,
                not wanted.assets
                or ("recording" in wanted.assets and call.recorded)
                or ("voicemail" in wanted.assets and call.voicemail),
                wanted.missed is None or (call.ended_at is not None and missed == wanted.missed),
                not wanted.reasons or call.missed_call_reason in wanted.reasons,
                wanted.longer_than is None or (length is not None and length > wanted.longer_than),
                wanted.shorter_than is None or (length is not None and length < wanted.shorter_than),
                not wanted.tags or set(tags) & set(wanted.tags),
                not wanted.callers
                or any(_digits(c) in digits if _digits(c) else c == call.raw_digits for c in wanted.callers),
                not wanted.texts
                or any(
                    normalize(text) in normalize(each) for text in wanted.texts for each in (*hay, digits)
                ),
            )
        )

    def _teams(self, call: SimulatedCall) -> set[str]:
        """Names and ids, and both, of the teams that a finished call counts for."""
        if call.ended_at is None:
            return set()
        teams = [(str(team.id), team.name, team.user_ids) for team in self.account.teams.values()]
        in_teams = set().union(*(members for _, _, members in teams))
        teams.append(("none", "Single Users", self.account.users.keys() - in_teams))
        concerned = {call.user_id}
        if call.missed_call_reason is not None:
            concerned = self.account.assigned(call.number_id) if call.number else set()
        called = ((members, (id_, title, f"{title} {id_}")) for id_, title, members in teams)
        return {name for members, names in called if members & concerned for name in names}

    def totals(self, criteria: Criteria) -> FoundTotals:
        """Return the totals of the calls that match."""
        calls = self.matching(criteria)
        done = [call for call in calls if call.ended_at is not None]
        answered = [call for call in done if call.answered_at is not None and not call.missed_call_reason]
        waits = [call.answered_at - call.started_at for call in answered if call.direction == "inbound"]
        return FoundTotals(
            calls=len(calls),
            inbound=sum(call.direction == "inbound" for call in calls),
            outbound=sum(call.direction == "outbound" for call in calls),
            answered=len(answered),
            missed=sum(call.direction == "inbound" for call in done) - len(waits),
            unanswered=sum(call.direction == "outbound" for call in done) - (len(answered) - len(waits)),
            seconds_talked=sum(call.ended_at - call.answered_at for call in answered),
            average_seconds_to_answer=sum(waits) / len(waits) if waits else None,
        )


def _digits(text: str) -> str:
    return "".join(sign for sign in text if sign in "0123456789")


def texts_of(criteria: Criteria) -> dict[str, list[str]]:
    """Criteria as they are written on a command line or in a query."""
    written: dict[str, list[str]] = {}
    for parameter in PARAMETERS:
        value = getattr(criteria, parameter.field)
        values = value if parameter.several else () if value is None else (value,)
        form = {"duration": "{}s", "truth": "{}"}.get(parameter.kind, "{}")
        texts = [form.format(each) for each in values]
        written[parameter.name] = [t.lower() for t in texts] if parameter.kind == "truth" else texts
    return {name: texts for name, texts in written.items() if texts}


def called(id_: int | None, name: str) -> set[str]:
    """Return the names and ids by which an object may be searched."""
    return set() if id_ is None else {str(id_), name, f"{name} {id_}"}
