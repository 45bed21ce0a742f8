"""Build one tile for each Aircall number: its queue, and its calls of the activity period."""

from grafana.boards.promql import NUMBER, RECENT, Text, clock, described, number, sentence
from grafana.boards.waiting import LINE


def lines() -> str:
    """Return a query for the numbers, with the labels `caption` and `text`."""
    answer = f"aircall_number_average_answer_seconds{{{NUMBER}, {RECENT}}}"
    calls = f'aircall_number_period_calls{{{NUMBER}, {RECENT}, direction="inbound", outcome="%s"}}'
    longest = f"aircall_queue_longest_wait_seconds{{{NUMBER}}} > 0"
    texts = (
        number("level", f"max by ({LINE}) (aircall_queue_call_wait_level{{{NUMBER}}})", LINE, default="calm"),
        number("waiting", f"aircall_queue_calls{{{NUMBER}}} > 0", LINE, "$1 waiting", default="0 waiting"),
        clock("wait", longest, LINE),
        number("answered", calls % "answered", LINE, "in $1"),
        number("missed", calls % "missed", LINE, "missed $1"),
        _mark("many", "missed_rate"),
        number("answer", f"round({answer})", LINE, "⌀ $1 s"),
        number("late", f"aircall_number_sla_breached{{{NUMBER}, {RECENT}}}", LINE, "‼", "1"),
        number(
            "kept",
            f"round(100 * aircall_number_service_level_ratio{{{NUMBER}, {RECENT}}})",
            LINE,
            "SL $1%",
        ),
        _mark("low", "service_level"),
    )
    told = described(f"aircall_queue_calls{{{NUMBER}}}", f"aircall_queue_calls{{{NUMBER}}}", texts)
    told = sentence(told, "about", "answered", "missed", "many", "answer", "late", "kept", "low")
    told = sentence(told, "text", "level", "about", separator="|")
    return sentence(told, "caption", "waiting", "wait")


def _mark(label: str, kpi: str) -> Text:
    """Return ‼ for each number that exceeds a threshold."""
    return number(label, f'aircall_number_threshold_exceeded{{{NUMBER}, kpi="{kpi}"}}', LINE, "‼", "1")
