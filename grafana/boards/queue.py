"""Build the dashboard of queue and service level over time."""

from grafana_foundation_sdk.builders.dashboard import QueryVariable
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Dashboard, Panel, VariableHide, VariableRefresh

from grafana.boards import archive
from grafana.boards.board import Page, history
from grafana.boards.charts import bars, by_clock, calls_behind, lines, spread
from grafana.boards.counted import average, in_each, in_range
from grafana.boards.limits import WITHIN, abandonment, queue_wait, service_level, time_to_abandon
from grafana.boards.palette import AI_AGENT, ANSWERED, BRIGHT_RED, MISSED, REASONS, YELLOW, StateStyle
from grafana.boards.panels import Frame, buckets, now, over_time
from grafana.boards.promql import NUMBER, named_queue
from grafana.boards.repeats import repeat_callers
from grafana.boards.tables import columns, units
from grafana.boards.variables import SOURCE, recorded

PAGE = Page(
    "aircall-queue",
    "Aircall · Queue and service level",
    "Calls offered, answered and missed, waits and service level of numbers over any time",
)

# By number, for all users together: by user there are many times as many series.
CALLS = "$calls"
QUIET = "No inbound calls in this time range"
INBOUND = f'{NUMBER}, direction="inbound"'
LONGEST_WAIT = f"aircall_queue_longest_wait_seconds{{{NUMBER}}}"
ON_A_NUMBER = f'{INBOUND}, number_id!=""'


def _each(counter: str, labels: str, of: str) -> str:
    return f"sum by ({of}) ({in_each(f'{counter}{{{labels}}}')})"


def _total(counter: str, labels: str) -> str:
    return f"sum by (number_id) ({in_range(f'{counter}{{{labels}}}')})"


def _of_the_hour(outcome: str) -> str:
    """Return the calls of the hour that begins at each point."""
    calls = f'{CALLS}{{{INBOUND}, outcome="{outcome}"}}'
    return f"sum({in_each(calls, '1h', since='', until='offset -1h')}) > 0"


def _in_time() -> str:
    """Return the answered calls of each number in the histogram bucket of answers in time."""
    bucket = f'aircall_call_answer_seconds_bucket{{{NUMBER}, le=~"$within([.]0)?"}}'
    return f"sum by (number_id) ({in_range(bucket)})"


def _offered() -> Builder[Panel]:
    return bars(
        Frame(
            title="Inbound calls, answered and missed",
            description="Inbound calls of the chosen numbers, counted when they ended. Answered and missed "
            "together: the calls offered to users. By an AI agent: calls that no user had to answer.",
            unit="short",
            empty=QUIET,
            width=12,
            height=8,
        ),
        (ANSWERED, MISSED, AI_AGENT),
        over_time(f"{_each(CALLS, INBOUND, 'outcome')} > 0", "{{outcome}}"),
    ).links([calls_behind()])


def _missed() -> Builder[Panel]:
    return bars(
        Frame(
            title="Missed calls by reason",
            description="Why nobody answered, as Aircall says: no available agent, the caller gave up "
            "(abandoned or short abandoned), agents did not answer, out of opening hours. Good: "
            "none, or only out of opening hours.",
            unit="short",
            empty="No missed call, or no data, in this time range",
            width=12,
            height=8,
        ),
        REASONS,
        over_time(f"{_each('aircall_missed_calls_total', NUMBER, 'reason')} > 0", "{{reason}}"),
    ).links([calls_behind()])


def _answer() -> Builder[Panel]:
    return spread(
        Frame(
            title="Time to answer",
            description="How many calls were answered after how many seconds; the brighter, the more. Good: "
            "bright only at the bottom. Without an answered call there are no cells.",
            unit="short",
            empty="No call was answered in this time range",
            width=12,
            height=9,
        ),
        buckets(_each("aircall_call_answer_seconds_bucket", NUMBER, "le")),
    )


def _longest() -> Builder[Panel]:
    return lines(
        Frame(
            title="Longest wait",
            description="The longest that any caller of a number was waiting, at each time. The dashed "
            "thresholds are those of `queue_wait`. Good: below the first.",
            unit="s",
            empty="No data in this time range",
            width=12,
            height=9,
        ),
        over_time(
            named_queue(f"max by (number) (max_over_time({LONGEST_WAIT}[$__interval]))"),
            "{{number}}",
        ),
        over_time(queue_wait("warning"), "warning threshold"),
        over_time(queue_wait("critical"), "critical threshold"),
        shown=(
            StateStyle("warning threshold", YELLOW, "warning threshold"),
            StateStyle("critical threshold", BRIGHT_RED, "critical threshold"),
        ),
    )


def _menus() -> Builder[Panel]:
    return lines(
        Frame(
            title="Callers in menus",
            description="Callers in a menu, or with an AI voice agent, at each time. They do not wait for a "
            "user yet. It is 0 for numbers without a menu, and if Aircall does not report menus.",
            unit="short",
            empty="No data in this time range",
            width=24,
            height=7,
        ),
        over_time(
            named_queue(
                f"max by (number) (max_over_time(aircall_queue_menu_calls{{{NUMBER}}}[$__interval]))"
            ),
            "{{number}}",
        ),
    ).decimals(0)


def _numbers() -> Builder[Panel]:
    named = f"aircall_number_info{{{NUMBER}}}"
    total = _total(CALLS, f'{ON_A_NUMBER}, outcome=~"answered|missed"')
    numbers = columns(
        Frame(
            title="Numbers in this time range",
            description="Offered: inbound calls, without those of AI agents. Missed: calls that no user "
            "answered. Abandoned: missed calls that the caller ended. Averages: time to answer, and wait of "
            "the abandoned. Service level: share of the offered that was answered within "
            "`service_level.within` as it is now, without overrides.",
            unit="locale",
            empty=QUIET,
            width=24,
            height=9,
        ),
        "number",
        "number_id",
        {
            "Number": now(f"max by (number_id, number) ({named} or on () last_over_time({named}[$__range]))"),
            "Offered": now(total),
            "Answered": now(_total(CALLS, f'{ON_A_NUMBER}, outcome="answered"')),
            "Missed": now(_total(CALLS, f'{ON_A_NUMBER}, outcome="missed"')),
            "Abandoned": now(_total("aircall_call_abandon_seconds_count", f'{NUMBER}, number_id!=""')),
            "Time to answer": now(average("aircall_call_answer_seconds", NUMBER, "number_id")),
            "Wait of abandoned": now(average("aircall_call_abandon_seconds", NUMBER, "number_id")),
            "Service level": now(f"{_in_time()} / ({total} > 0)"),
        },
    )
    return units(numbers, Time_to_answer="s", Wait_of_abandoned="s", Service_level="percentunit")


def _pattern(title: str, what: str, time_format: str) -> Builder[Panel]:
    return by_clock(
        Frame(
            title=title,
            description=f"Inbound calls of the time range by {what}, in the board's time zone. Choose "
            "whole weeks to compare fairly. Where missed calls stand out, more users are needed.",
            unit="short",
            empty=QUIET,
            width=8,
            height=9,
        ),
        (ANSWERED, MISSED),
        [over_time(_of_the_hour(outcome), outcome) for outcome in ("answered", "missed")],
        time_format,
    )


def _within() -> QueryVariable:
    """Build the hidden variable with the time to answer in time, which is the limit of a histogram bucket."""
    return (
        QueryVariable("within")
        .description("`service_level.within`, in seconds.")
        .datasource(SOURCE)
        .query({"query": f"query_result({WITHIN})", "refId": "within"})
        .regex("/^{} ([0-9.]+) /")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .hide(VariableHide.HIDE_VARIABLE)
    )


def board() -> Dashboard:
    """Build the dashboard."""
    return (
        history(PAGE, "now-7d", "calls")
        .with_variable(recorded("calls", "number:aircall_calls_total:sum", "aircall_calls_total"))
        .with_variable(_within())
        .with_panel(_offered())
        .with_panel(_missed())
        .with_panel(_answer())
        .with_panel(_longest())
        .with_panel(_numbers())
        .with_panel(service_level("number", NUMBER, height=9))
        .with_panel(_pattern("Calls by hour of day", "hour of day", "HH"))
        .with_panel(_pattern("Calls by day of week", "day of week", "E ddd"))
        .with_panel(abandonment("number", NUMBER, width=12, height=9))
        .with_panel(time_to_abandon("number", NUMBER, width=12, height=9))
        .with_panel(_menus())
        .with_variable(archive.archive())
        .with_row(repeat_callers())
        .build()
    )
