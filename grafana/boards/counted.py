"""Whole calls out of counters.

`increase` is made for rates: it knows nothing of what happens between the last scrape of one window and the
first of the next, and makes the rest larger for it. That is right on average; as the number of calls in five
minutes it says 2.07, or 0. Over hours it is off by less than half a call, which rounding mends.
"""


def in_range(counter: str) -> str:
    """By how much each series of the counter grew over the time range."""
    return f"round(increase({counter}[$__range]))"


def average(family: str, labels: str, by: str) -> str:
    """The average of what was observed in the time range; what `increase` adds at its ends cancels out."""
    total, count = (
        f"sum by ({by}) (increase({family}_{part}{{{labels}}}[$__range]))" for part in ("sum", "count")
    )
    return f"({total} / ({count} > 0))"


def in_each(
    counter: str,
    window: str = "$__interval",
    *,
    since: str | None = None,
    until: str = "",
    otherwise: str | None = None,
) -> str:
    """By how much each series grew over the window up to each point; what happened is in one window only.

    The window may lie elsewhere: `since` and `until` are PromQL's modifiers for its beginning and end. A
    series that is younger than the window, or counts anew, grew by what `otherwise` or else `increase` says.
    """
    began = f"{counter} offset {window}" if since is None else f"{counter} {since}"
    grown = [f"{counter} {until} - {began} >= 0", otherwise, f"round(increase({counter}[{window}] {until}))"]
    return f"({' or '.join(filter(None, grown))})"
