"""Whether the exporter says of itself that everything is read and kept."""

from bench.shared.scrape import Scrape

LEFT = (
    ("aircall_archive_backfill_remaining_seconds", "aircall_archive_backfill_remaining_seconds"),
    ("aircall_archive_pending_calls", "aircall_archive_pending_calls"),
    ("aircall_webhook_pending_events", "aircall_webhook_pending_events"),
)
"""What it has still to read, to keep and to work on, under the names of different versions."""

POLLS_UNTIL_SEEN = 2.0
"""Polls since its start after which it has seen what had happened before."""


def unread(scrape: Scrape) -> dict[str, float | None]:
    """Return by name the figures that say that something is still to be read or kept."""
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
