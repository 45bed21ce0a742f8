"""The reasons of missed calls that have series from the start."""

MISSED_REASONS = (
    "out_of_opening_hours",
    "short_abandoned",
    "abandoned_in_ivr",
    "abandoned_in_classic",
    "no_available_agent",
    "agents_did_not_answer",
)
"""The missed reasons that the API reference lists. Other reasons are served unchanged."""
