"""Define the selectors that all dashboards use, and the names of users in tables and charts."""

RECENT = 'period="recent"'
"""Selects figures of the activity period."""

EXPORTER = 'job=~"$job", instance=~"$instance"'
TEAM = f'{EXPORTER}, team=~"$team"'
NUMBER = f'{EXPORTER}, number=~"$number"'

DISPLAY = f"on (user_id) group_left (display_name) aircall_user_display_info{{{EXPORTER}}}"
"""Joins the label `display_name`: the user's name, with the id if several users have it."""

IS_AVAILABLE = "and on (user_id) aircall_user_availability_code == 1"
IS_AWAY = "and on (user_id) aircall_user_availability_code == 2"
"""Keep the series of users in this state."""


def by_row(group_id: str, expr: str, *labels: str, total: str = "max") -> str:
    """Return one series for each row: a user of a group, or the group itself if the series has no user.

    Grafana merges queries by the label `row`.

    Args:
        group_id: The label with the id of the team or number.
        expr: The series, with this label.
        labels: More labels to keep.
        total: The aggregation of the series of a row.
    """
    keyed = f'label_join({expr}, "row", " ", "{group_id}", "user_id")'
    return f"{total} by ({', '.join(('row', *labels))}) ({keyed})"


def named_queue(expr: str) -> str:
    """Return queue series, with a text as the number of calls without a number."""
    return f'label_replace({expr}, "number", "no number", "number", "")'
