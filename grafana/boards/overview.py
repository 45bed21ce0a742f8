"""Build the first panels of both wallboards: queue, users, calls of the period, age of the data."""

from grafana_foundation_sdk.builders.stat import Panel

from grafana.boards.limits import MISSED_RATE, SERVICE_LEVEL, SLA
from grafana.boards.palette import LEVELS, NO_DATA, OVER, STATES, plain
from grafana.boards.panels import Frame, sorted_by
from grafana.boards.people import Group, with_unique_names
from grafana.boards.promql import (
    EXPORTER,
    ISOLATED,
    NUMBER,
    RECENT,
    TEAM,
    constant,
    described,
    number,
    reworded,
    sentence,
)
from grafana.boards.tile import count, level, minutes, percent, state, tile, tiles
from grafana.boards.waiting import callers


def panels(group: Group) -> tuple[Panel, ...]:
    """Build two rows of the full width."""
    return (_queue(), _people(group), _period(), _freshness(), _callers(), _over_sla())


def _summary(title: str, width: int, description: str, queries: list[str]) -> Panel:
    frame = Frame(
        title=title,
        description=description,
        unit="string",
        empty="No data",
        width=width,
        height=4,
        base=NO_DATA,
    )
    return tiles(frame, queries, (*plain(*STATES), *LEVELS), caption_size=17, text_size=38)


def _queue() -> Panel:
    waiting = f"sum(aircall_queue_calls{{{NUMBER}}})"
    longest = f"max(aircall_queue_longest_wait_seconds{{{NUMBER}}})"
    wait_level = level(f"max(aircall_queue_call_wait_level{{{NUMBER}}})")
    return _summary(
        "Queue now",
        5,
        "Inbound calls that ring and that nobody has answered yet, and how long the first of them has been "
        "waiting. Good: 0. Green up to the first threshold of `queue_wait`, ! yellow above it, ‼ red above "
        "the second.",
        [
            tile("Waiting now", waiting, waiting, count(waiting), wait_level),
            tile("Longest wait", longest, waiting, minutes(f"({longest} > 0)"), wait_level),
        ],
    )


def _people(group: Group) -> Panel:
    def tile_of(code: str, word: str) -> str:
        everyone = f"count({group.of('availability_code', '')})"
        users = group.of("availability", f', state="{code}"')
        there = f"count(max by (instance, user_id) ({users}) == 1)"
        return tile(word, there, everyone, count(there), state(code, there))

    return _summary(
        "Users now",
        9,
        "How many users are in which state, each user once, in however many teams. Offline: not signed in "
        "to the phone. Good: enough available to answer the next callers.",
        [tile_of(style.code, style.text) for style in STATES if style.code != "unknown"],
    )


def _period() -> Panel:
    inbound = f'{NUMBER}, direction="inbound"'
    answered = f'sum(aircall_number_period_calls{{{inbound}, {RECENT}, outcome="answered"}})'
    missed = f'sum(aircall_number_period_calls{{{inbound}, {RECENT}, outcome="missed"}})'
    answer = _weighted("average_answer_seconds", f'{inbound}, outcome="answered"')
    kept = _weighted("service_level_ratio", inbound)
    return _summary(
        "Inbound calls, activity period",
        8,
        "Calls that ended and began within the last `activity_period` (15 minutes unless set otherwise). "
        "Missed: ! where they are more than `thresholds.missed_rate` (25 % unless set otherwise) of the "
        "calls within opening hours, ‼ where they are more than half as well. Time to answer: the average; ‼ "
        "above `sla`, where one is set. Service level: share of the calls answered within the second "
        "threshold of `queue_wait`, missed calls counted as not; ! below `service_level.target`, ‼ below "
        "three quarters of it.",
        [
            tile("Answered", answered, answered, count(answered), level("(vector(0) > 0)")),
            tile("Missed", missed, missed, count(missed), level(_missed_level(answered))),
            tile("Time to answer", answer, answered, minutes(answer), level(f"2 * ({answer} > bool {SLA})")),
            tile("Service level", kept, answered, percent(kept), level(_service_level(kept))),
        ],
    )


def _freshness() -> Panel:
    live = f'{EXPORTER}, dataset=~"calls|availabilities"'
    age = f"max(aircall_dataset_age_seconds{{{live}}})"
    late = f"max(aircall_dataset_age_seconds{{{live}}} / aircall_poll_interval_seconds{{{live}}})"
    return _summary(
        "Data",
        2,
        "How long ago the calls and states on this board were read. Good: no more than a poll interval or "
        "two; where Aircall pushes events, they are in at once, and are checked once a minute. ‼ red: three "
        "polls in a row have failed or are missing, and the board stands still: the Exporter board says why.",
        [tile("Age", age, age, minutes(age), level(f"2 * ({late} > bool 3)"))],
    )


def _callers() -> Panel:
    frame = Frame(
        title="Callers waiting",
        description="The callers who have been waiting longest: for how long, who calls, which Aircall "
        "number, and after → the assigned users who are available, the one free for longest "
        "first. ! yellow and ‼ red above the thresholds of `queue_wait`. Good: nobody is "
        "waiting.",
        unit="string",
        empty="No data: is the exporter running?",
        width=17,
        height=4,
        base=NO_DATA,
    )
    panel = tiles(frame, [callers()], LEVELS, caption_size=26, text_size=20)
    return panel.with_transformation(sorted_by("Value", descending=True))


def _over_sla() -> Panel:
    frame = Frame(
        title="Over the SLA",
        description="Users whose average time to answer in the activity period is above `sla`: the slowest "
        "first, four at most. Good: nobody.",
        unit="string",
        empty="No data",
        width=7,
        height=4,
        base=NO_DATA,
    )
    user = "instance, user_id"
    breached = f"max by ({user}, user) (aircall_user_sla_breached{{{TEAM}, {RECENT}}}) == 1"
    answer = f"max by ({user}) (aircall_user_average_answer_seconds{{{TEAM}, {RECENT}}})"
    slowest = with_unique_names(f"topk(4, {answer} * on ({user}) group_left (user) ({breached}))")
    told = described(slowest, slowest, [number("said", f"round({answer})", user, "over|⌀\u00a0$1\u00a0s")])
    told = reworded(sentence(told, "text", "said"), "caption", ISOLATED, "user")
    sla = f"max(aircall_sla_seconds{{{EXPORTER}}})"
    calm = [
        constant(constant(f"{sla} {when}", "caption", caption), "text", "calm|")
        for when, caption in (("> 0", "All users are within the SLA"), ("== 0", "No SLA is set"))
    ]
    expr = f"{told}\nor on ()\n({calm[0]} or {calm[1]})"
    panel = tiles(frame, [expr], (OVER, *LEVELS), caption_size=17, text_size=18)
    return panel.with_transformation(sorted_by("Value", descending=True))


def _weighted(average: str, calls: str) -> str:
    """Return the average over all calls: the averages of numbers, weighted by their calls."""
    weight = f"sum by (instance, number_id) (aircall_number_period_calls{{{calls}, {RECENT}}})"
    by_number = f"aircall_number_{average}{{{NUMBER}, {RECENT}}} * on (instance, number_id) {weight}"
    return f"(sum({by_number}) / (sum(aircall_number_period_calls{{{calls}, {RECENT}}}) > 0))"


def _missed_level(answered: str) -> str:
    """Return the level of the missed rate as in the alerts: without calls out of opening hours."""
    missed = f'sum(aircall_number_period_missed_calls{{{NUMBER}, {RECENT}, reason!="out_of_opening_hours"}})'
    share = f"({missed} / ({answered} + {missed} > 0))"
    return f"({share} > bool {MISSED_RATE}) * (1 + ({share} > bool 0.5))"


def _service_level(kept: str) -> str:
    """Return the level of the service level, rounded to whole percents as shown."""
    return " + ".join(
        f"(round(100 * {kept}) < bool round({percent} * {SERVICE_LEVEL}))" for percent in (100, 75)
    )
