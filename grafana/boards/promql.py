"""Define the selectors that all dashboards use, and the names of users in tables and charts."""

RECENT = 'period="recent"'
"""Selects figures of the activity period."""

EXPORTER = 'job=~"$job", instance=~"$instance"'
TEAM = f'{EXPORTER}, team=~"$team"'
NUMBER = f'{EXPORTER}, number=~"$number"'

DISPLAY = f"on (user_id) group_left (display_name) aircall_user_display_info{{{EXPORTER}}}"
"""Joins the label `display_name`: the user's name, with the id if several users have it."""


def keyed(expr: str, *labels: str) -> str:
    """Return the series with a label `row`, made of several labels, by which Grafana joins them."""
    quoted = ", ".join(f'"{label}"' for label in labels)
    return f'label_join({expr}, "row", " ", {quoted})'


def named_queue(expr: str) -> str:
    """Return queue series, with a text as the number of calls without a number."""
    return f'label_replace({expr}, "number", "no number", "number", "")'
