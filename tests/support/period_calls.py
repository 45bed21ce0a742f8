"""Look up figures of the activity period in a scrape."""

from harness.scrape import Scrape


def recent_calls(scrape: Scrape, kind: str, **labels: object) -> float | None:
    """Return the calls of a user or number in the activity period."""
    return scrape.value(f"aircall_{kind}_period_calls", period="recent", **labels)
