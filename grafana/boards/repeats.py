"""Build the row with the callers who call again, which is collapsed because it queries the archive."""

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel

from grafana.boards import archive
from grafana.boards.panels import Frame, framed, settings

_SHARES = """
  count(*) FILTER (WHERE known_for >= 86400) AS "Answered",
  count(*) FILTER (WHERE again_after <= 86400 AND known_for >= 86400)::float
    / nullif(count(*) FILTER (WHERE known_for >= 86400), 0) AS "Again within a day",
  count(*) FILTER (WHERE again_after <= 604800 AND known_for >= 604800)::float
    / nullif(count(*) FILTER (WHERE known_for >= 604800), 0) AS "Again within a week"
""".strip()

BY_NUMBER = f"""
SELECT number_name AS "Number", {_SHARES}
FROM called_again WHERE $__unixEpochFilter(started_at)
GROUP BY number_id, number_name ORDER BY 3 DESC NULLS LAST, 1
""".strip()

BY_TAG = f"""
SELECT coalesce(name, 'no tag') AS "Tag", {_SHARES}
FROM called_again LEFT JOIN call_tags ON call_tags.call_id = id
WHERE $__unixEpochFilter(started_at)
GROUP BY name ORDER BY 3 DESC NULLS LAST, 1
""".strip()


def repeat_callers() -> Row:
    """Build the collapsed row."""
    return (
        Row("Callers who call again (archive on PostgreSQL)")
        .id(100)
        .collapsed(True)
        .with_panel(_shares("Callers who call again, by number", BY_NUMBER, "number"))
        .with_panel(_shares("Callers who call again, by tag", BY_TAG, "tag"))
    )


def _shares(title: str, query: str, whose: str) -> Builder[Panel]:
    frame = Frame(
        title=title,
        description=f"Of the answered calls of each {whose} in the time range: the share whose caller called "
        "again within a day or a week of the end. Answered: calls that ended at least a day ago, whose "
        "caller can be recognised. For a week, calls that ended at least a week ago count. Good: low.",
        unit="locale",
        empty="No answered call of this time range ended at least a day ago",
        width=12,
        height=9,
    )
    panel = framed(table.Panel(), frame, [archive.sql(query)], archive.ARCHIVE)
    for name in ("Again within a day", "Again within a week"):
        panel = panel.override_by_name(name, settings(unit="percentunit", decimals=1, noValue="–"))
    return panel
