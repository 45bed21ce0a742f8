"""Define the groups of metrics that a scrape can select with `collect[]`."""

from collections.abc import Sequence
from typing import Literal, get_args

from exporter.text import truncate

MetricGroup = Literal[
    "queue", "presence", "period", "info", "counters", "settings", "exporter", "archive", "webhooks"
]
"""A group of families. Each family is in exactly one."""

PARAMETER = "collect[]"
"""The query's parameter that names a group. It may be repeated."""

GROUP_NAMES: tuple[MetricGroup, ...] = get_args(MetricGroup)
ALL_GROUPS = frozenset(GROUP_NAMES)

GROUPS: dict[MetricGroup, str] = {
    "queue": "waiting calls: per number, user and team, and one series for each call",
    "presence": "what users do now: state, substatus, current call; users by state for each team and number",
    "period": "figures of a period, such as the activity period, and whether they exceed thresholds",
    "info": "names, memberships and assignments",
    "counters": "counters and histograms of calls, and time in each state and substatus",
    "settings": "settings in force",
    "exporter": "the exporter itself, its polls and requests, and its process (`process_*`, `python_*`)",
    "archive": "the call archive, and the callers who are to be called back",
    "webhooks": "deliveries to the webhook",
}
"""What each group contains, for the documentation."""


class UnknownGroupError(ValueError):
    """A scrape selects a group that does not exist."""


def selected_groups(names: Sequence[str]) -> frozenset[MetricGroup]:
    """Return the groups with these names, or all groups if there are no names.

    Raises:
        UnknownGroupError: A name is not a group. The message is one line that lists the groups.
    """
    for name in names:
        if name not in ALL_GROUPS:
            raise UnknownGroupError(
                f"{PARAMETER}: unknown group {truncate(name)}, expected one of {', '.join(GROUP_NAMES)}"
            )
    return frozenset(group for group in GROUP_NAMES if group in names) or ALL_GROUPS
