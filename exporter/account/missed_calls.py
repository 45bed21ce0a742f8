"""The missed calls on numbers, and their reasons."""

from collections import Counter
from collections.abc import Iterable

from exporter.account.period import Period

MISSED_REASONS = (
    "out_of_opening_hours",
    "short_abandoned",
    "abandoned_in_ivr",
    "abandoned_in_classic",
    "no_available_agent",
    "agents_did_not_answer",
)
"""The missed reasons that the API reference lists. Other reasons are served unchanged."""


def missed_on(period: Period, number_ids: Iterable[int]) -> int:
    """Return the missed calls on these numbers.

    Tutorial, "User Activity Summary": a missed call counts for every user assigned to its number.
    """
    tallies = period.numbers
    return sum(tallies[number].inbound_missed for number in number_ids if number in tallies)


def reasons_on(period: Period, number_ids: Iterable[int]) -> dict[str, int]:
    """Return the missed calls on these numbers by reason, with 0 for reasons in `MISSED_REASONS`."""
    reasons = Counter(dict.fromkeys(MISSED_REASONS, 0))
    for number_id in number_ids:
        reasons.update(period.reasons.get(number_id, {}))
    return reasons
