"""Build queries that return whole numbers of calls from counters.

`increase` extrapolates: it does not see an increase between the last scrape of one window and the first of
the next, and scales up the remaining increase. It is right on average, but returns 2.07 or 0 for 2 calls in
five minutes. Over hours its error is less than half a call, which rounding removes.
"""


def in_range(counter: str) -> str:
    """Return the increase of each series over the time range."""
    return f"round(increase({counter}[$__range]))"


def average(family: str, labels: str, by: str) -> str:
    """Return the average observation in the time range. The extrapolation of `increase` cancels out."""
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
) -> str:
    """Return the increase of each series in the window up to each point. No increase is in two windows.

    Args:
        counter: The selector of the counter.
        window: The length of the window.
        since: The PromQL modifier for another beginning of the window.
        until: The PromQL modifier for another end of the window.
    """
    began = f"{counter} offset {window}" if since is None else f"{counter} {since}"
    return f"({counter} {until} - {began} >= 0 or round(increase({counter}[{window}] {until})))"
