"""Families of numbers."""

from collections.abc import Iterator

from exporter.account.board import Board, NumberRow
from exporter.metrics.family import Family, Sample
from exporter.metrics.group_figures import FigureFamilies

_NUMBER = ("number_id", "number")

USERS = Family(
    "aircall_number_users",
    "gauge",
    "Users assigned to the number, by state. Absent while assignments are unknown.",
    (*_NUMBER, "state"),
    group="presence",
)
OPEN = Family(
    "aircall_number_open",
    "gauge",
    "1 if the number is open, 0 if it is closed, absent if that is unknown. With webhooks it changes at"
    " once, otherwise when the numbers are fetched (refresh.numbers). Aircall may report an outdated state of"
    " a number with opening hours if the company uses Smartflows.",
    _NUMBER,
    group="presence",
)
FIGURES = FigureFamilies("number", "the number", "")

QUEUE_WAIT = Family(
    "aircall_number_queue_wait_threshold_seconds",
    "gauge",
    "Wait from which a caller on the number is shown in yellow (warning) or red (critical).",
    (*_NUMBER, "level"),
    group="settings",
)

FAMILIES = (USERS, OPEN, *FIGURES.families, QUEUE_WAIT)


def number_samples(row: NumberRow, board: Board) -> Iterator[Sample]:
    """Yield the samples of a number that change only with a poll.

    aircall_number_users{number_id="1234",number="French Office",state="available"} 2
    aircall_number_open{number_id="1234",number="French Office"} 1
    aircall_number_period_calls{…,period="recent",direction="inbound",outcome="missed"} 1
    aircall_number_period_missed_calls{…,period="today",reason="no_available_agent"} 1
    aircall_number_abandoned_ratio{…,period="today"} 0.05
    """
    yield from FIGURES.rules(row.rules, row.number)
    yield QUEUE_WAIT, (*row.number, "warning"), row.rules.warning
    yield QUEUE_WAIT, (*row.number, "critical"), row.rules.critical
    yield OPEN, row.number, None if row.is_open is None else int(row.is_open)
    if "availabilities" in board.known:
        for state, count in (row.users or {}).items():
            yield USERS, (*row.number, state), count
    if "calls" in board.known:
        yield from FIGURES.figures(row, row.number, board.settings.thresholds)
