"""Determine from a scrape whether all data is fetched and archived."""

from harness.scrape import Scrape

LEFT = (
    ("aircall_archive_backfill_remaining_seconds", "aircall_archive_backfill_remaining_seconds"),
    ("aircall_archive_pending_calls", "aircall_archive_pending_calls"),
    ("aircall_webhook_pending_events", "aircall_webhook_pending_events"),
)
"""Remaining work, by the metric names of different versions."""

POLLS_UNTIL_SEEN = 2.0
"""Polls after a start until the exporter has all earlier changes."""


def unread(scrape: Scrape) -> dict[str, float | None]:
    """Return the figures, by name, that show remaining work."""
    wanting: dict[str, float | None] = {}
    for name in ("aircall_up", "aircall_archive_up"):
        if scrape.value(name) != 1:
            wanting[name] = scrape.value(name)
    for names in LEFT:
        values = {name: scrape.value(name) for name in names}
        if 0 not in values.values():
            wanting |= {name: value for name, value in values.items() if value is not None}
    for dataset in ("calls", "availabilities"):
        polls = scrape.value("aircall_polls_total", dataset=dataset, result="success")
        if (polls or 0.0) < POLLS_UNTIL_SEEN:
            wanting[f"aircall_polls_total of {dataset}"] = polls
    if not scrape.all("aircall_team_calls_total"):
        wanting["aircall_team_calls_total"] = None
    return wanting
