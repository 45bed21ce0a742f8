"""Define which callers called again after a user had talked to them.

The share of such calls is a usual substitute for first-call resolution, which Aircall does not report. Calls
of callers who hide their number are left out, because these callers cannot be recognised.
"""

from exporter.archive.view_expressions import name_of

IS_COUNTED = (
    "calls.direction = 'inbound' AND calls.outcome = 'answered' AND calls.ended_at IS NOT NULL"
    " AND calls.caller_key IS NOT NULL"
)
"""Whether a row of `calls` is an answered call of a caller who can be recognised."""

AGAIN_AFTER = (
    "(SELECT min(later.started_at) FROM calls AS later WHERE later.caller_key = calls.caller_key"
    " AND later.started_at >= calls.ended_at AND later.direction = 'inbound' AND later.id <> calls.id)"
    " - calls.ended_at"
)
"""Seconds from the end of a call to the next inbound call of its caller, or NULL if there is none."""

KNOWN_FOR = "(SELECT max(newest.started_at) FROM calls AS newest) - calls.ended_at"
"""Seconds after the end of a call in which a further call would be in the archive."""

CALLED_AGAIN = f"""
SELECT id, started_at, number_id, {name_of("number", "number_id")} AS number_name,
  {AGAIN_AFTER} AS again_after, {KNOWN_FOR} AS known_for
FROM calls WHERE {IS_COUNTED}"""
