"""Build one tile for each user: name, state, current call, calls of the activity period."""

from collections.abc import Callable
from dataclasses import dataclass

from grafana.boards.promql import (
    EXPORTER,
    ISOLATED,
    NUMBER,
    RECENT,
    TEAM,
    Text,
    clock,
    constant,
    described,
    number,
    reworded,
    sentence,
    span,
)

SOME = "([1-9].*)"
DO_NOT_DISTURB = ', state="do_not_disturb"'

NAMESAKES = f"(count by (user) (group by (user_id, user) (aircall_user_info{{{EXPORTER}}})) > 1)"
"""The names that several users have."""

TOO_MUCH = {
    "average_call": "long calls",
    "in_call": "long call",
    "after_call_work": "long wrap-up",
    "do_not_disturb": "long pause",
}
"""Texts for users who exceed a threshold. Too many missed calls have a symbol next to their number."""


@dataclass(frozen=True)
class Group:
    """Users that are shown together. `of` returns a family's series of them, one for each set of `keys`."""

    keys: str
    of: Callable[[str, str], str]


def _of_team(family: str, labels: str) -> str:
    return f"aircall_user_{family}{{{TEAM}{labels}}}"


def _of_number(family: str, labels: str) -> str:
    return (
        f"(max without (team_id, team) ({_of_team(family, labels)})"
        f" and on (instance, user_id) aircall_user_number_info{{{NUMBER}}})"
    )


IN_TEAM = Group("instance, user_id, team_id", _of_team)
ON_NUMBER = Group("instance, user_id", _of_number)


def with_unique_names(users: str) -> str:
    """Append the id to names that several users have."""
    numbered = sentence(f"({users} and on (user) {NAMESAKES})", "user", "user", "user_id")
    return f"({numbered} or ({users} unless on (user) {NAMESAKES}))"


def users(group: Group, details: Callable[[Group], list[Text]] | None = None) -> str:
    """Return a query for the users of the group, with the labels `caption` and `text`."""
    keys, of = group.keys, group.of
    available = of("availability", ', state="available"')
    can_pick_up = f"{available} == 1 and on ({keys}) {of('waiting_calls', '')} > 0"
    subjects = f"{constant(can_pick_up, 'state', 'pick_up')} or on ({keys}) {of('availability', '')} == 1"
    since = f"time() - {of('availability_changed_timestamp_seconds', '')} unless on ({keys}) {_call(group)}"
    texts = [
        span("since", since, keys),
        clock("length", f"max by ({keys}) ({_call(group)})", keys),
        Text("which", _which(group), keys),
        Text("towards", _towards(group), keys),
        Text("why", _why(group), keys),
        Text("alert", constant(_over_a_limit(group), "alert", "‼\u00a0"), keys),
        *(details(group) if details else ()),
    ]
    told = described(subjects, of("availability_code", ""), texts)
    told = reworded(told, "user", ISOLATED, "user")
    told = sentence(told, "period", "in", "out", "missed", "many", "answer", "sla", "over")
    told = reworded(told, "period", "· $1", "period", " *([^ ].*)")
    told = sentence(told, "about", "why", "towards", "call", "period")
    told = sentence(told, "text", "state", "about", separator="|")
    told = sentence(told, "for", "since", "length", separator="")
    told = sentence(told, "who", "alert", "user", "which", separator="")
    return sentence(told, "caption", "who", "for")


def _which(group: Group) -> str:
    """Return the id of each user whose name several users have."""
    user = group.of("availability_code", "")
    return reworded(f"({user} and on (user) {NAMESAKES}) ^ 0", "which", " $1", "user_id")


def _why(group: Group) -> str:
    """Return the substatus of each user on do not disturb, if it is a reason."""
    said = group.of("substatus", ', substatus!~"always_open|always_closed"')
    away = f"{group.of('availability', DO_NOT_DISTURB)} == 1"
    reason = f"topk by ({group.keys}) (1, {said} and on ({group.keys}) {away})"
    return reworded(reason, "why", "· $1", "substatus")


def details(group: Group) -> list[Text]:
    """Return the texts of a user's current call and calls of the activity period."""
    keys, of = group.keys, group.of
    many_missed = of("threshold_exceeded", ', kpi="missed_rate"')
    return [
        Text("call", sentence(_towards(group), "call", "caller", "number"), keys),
        _calls("in", of("period_calls", f', {RECENT}, direction="inbound", outcome="answered"'), keys),
        _calls("out", of("period_calls", f', {RECENT}, direction="outbound"'), keys),
        _calls("missed", of("period_calls", f', {RECENT}, direction="inbound", outcome="missed"'), keys),
        Text("many", constant(f"{many_missed} == 1", "many", "‼"), keys),
        number("answer", f"round({of('average_answer_seconds', f', {RECENT}')})", keys, "⌀\u00a0$1\u00a0s"),
        Text("sla", constant(f"{of('sla_breached', f', {RECENT}')} == 1", "sla", "‼"), keys),
        Text("over", _over(f"topk by ({keys}) (1, {of('threshold_exceeded', '')} == 1)"), keys),
    ]


def _over(exceeded: str) -> str:
    """Return the text for the threshold that is exceeded."""
    for kpi, words in TOO_MUCH.items():
        exceeded = reworded(exceeded, "over", f"·\u00a0{words}", "kpi", kpi)
    return exceeded


def _over_a_limit(group: Group) -> str:
    exceeded = group.of("threshold_exceeded", "")
    breached = group.of("sla_breached", f", {RECENT}")
    return f"({breached} == 1 or on ({group.keys}) max by ({group.keys}) ({exceeded}) == 1)"


def _calls(word: str, calls: str, keys: str) -> Text:
    return number(word, f"sum by ({keys}) ({calls})", keys, f"{word}\u00a0$1", SOME)


def _call(group: Group) -> str:
    # States and calls are fetched one after the other. A call of a user in such a state is over.
    over = group.of("availability", ', state=~"available|after_call_work"')
    return f"({group.of('current_call_seconds', '')} unless on ({group.keys}) {over} == 1)"


def _towards(group: Group) -> str:
    """Return the user's call with its direction as an arrow; of several, the longest."""
    call = f"topk by ({group.keys}) (1, {_call(group)}) ^ 0"
    return reworded(
        reworded(call, "towards", "↓", "direction", "inbound"), "towards", "↑", "direction", "outbound"
    )
