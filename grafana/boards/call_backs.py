"""Build the dashboard of missed callers who are to be called back."""

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, Panel

from grafana.boards import archive
from grafana.boards.board import Page, history
from grafana.boards.calls import in_aircall, missed_because
from grafana.boards.charts import CALLS, bars, lines, spread
from grafana.boards.counted import in_each
from grafana.boards.palette import (
    BRIGHT_RED,
    CALM,
    GREEN,
    GREY,
    NEUTRAL,
    NO_DATA,
    StateStyle,
    nothing,
    value_map,
)
from grafana.boards.panels import Frame, buckets, over_time, settings
from grafana.boards.promql import EXPORTER, NUMBER, named_queue
from grafana.boards.tile import Tile, tiles

PAGE = Page(
    "aircall-call-backs",
    "Aircall · Call-backs",
    "Missed callers who have not talked to a user since, oldest first, and how long call-backs take",
)

SHOWN = 1000
"""Maximum number of callers in the table, before those of other numbers are left out. The tiles count all."""

OPEN = f"aircall_number_call_backs_open{{{NUMBER}}}"
ENDED = f"aircall_call_backs_total{{{NUMBER}}}"
TIME = "aircall_call_back_seconds_bucket"
LIMIT = f'max(aircall_threshold_seconds{{{EXPORTER}, kpi="call_back"}} > 0)'

RESULTS = (
    StateStyle("called_back", GREEN, "called back"),
    StateStyle("called_again", NEUTRAL, "called again"),
    StateStyle("expired", GREY, "expired"),
)

WIDTHS = {
    "Missed": 165,
    "Calls": 65,
    "Last missed": 165,
    "Longest wait": 110,
    "Attempts": 90,
    "Voicemail": 95,
    "In Aircall": 95,
}
"""Widths of columns in pixels. The other columns share the rest of the panel's width."""

LIST = f"""
SELECT to_timestamp(first_missed_at) AS "Missed", caller AS "Caller", number_name AS "Number",
  missed AS "Calls", to_timestamp(last_missed_at) AS "Last missed", missed_call_reason AS "Because",
  longest_wait AS "Longest wait", attempts AS "Attempts",
  CASE WHEN voicemail THEN 'voicemail' ELSE '' END AS "Voicemail",
  assigned_to AS "Assigned to", coalesce(asset, '#') AS "In Aircall", id::text AS "Call"
FROM call_back_list
WHERE open_from <= extract(epoch FROM now()) AND expires_at > extract(epoch FROM now())
ORDER BY first_missed_at, id LIMIT {SHOWN}
""".strip()


def _now() -> Builder[Panel]:
    within_an_hour = f'sum(increase({TIME}{{{NUMBER}, le="3600.0"}}[$__range]))'
    return tiles(
        Frame(
            title="Call-backs",
            description="To call back: callers who were missed and have not talked to a user since. With a "
            "voicemail: those whose voicemail is not archived in Aircall. Oldest: since the first "
            "of them was missed. Too old: numbers above `thresholds.call_back`. Within an hour: share of the "
            "call-backs that ended in the time range and reached the caller within an hour. Anonymous: "
            "missed calls of callers who hide their number.",
            unit="none",
            empty="No data",
            width=24,
            height=4,
            base=NO_DATA,
        ),
        [
            Tile("To call back", f"sum({OPEN})"),
            Tile("With a voicemail", f'sum(aircall_number_call_backs_open{{{NUMBER}, voicemail="true"}})'),
            Tile(
                "Oldest",
                f"max(aircall_number_call_back_oldest_seconds{{{NUMBER}}})",
                unit="dtdurations",
                mappings=[value_map([StateStyle("0", CALM, "–")])],
            ),
            Tile(
                "‼ Too old",
                f"count(aircall_number_call_back_oldest_seconds{{{NUMBER}}} > on () group_left () {LIMIT})",
                base=BRIGHT_RED,
            ),
            Tile(
                "Within an hour",
                f"{within_an_hour} / sum(increase({ENDED}[$__range])) and on () sum({OPEN})",
                unit="percentunit",
                mappings=[nothing("–", CALM)],
            ),
            Tile("Anonymous", f"sum(aircall_number_call_backs_anonymous{{{NUMBER}}})"),
        ],
        title_size=16,
        value_size=36,
    )


def _list() -> Builder[Panel]:
    frame = Frame(
        title="Callers to call back",
        description=f"The {SHOWN} callers who have waited longest. Number: the one that they called first. "
        "Attempts: calls to them that they did not answer. A click on a caller shows the last missed call "
        "with its voicemail. Callers leave the list once they have talked to a user.",
        unit="locale",
        empty="No caller to call back",
        width=24,
        height=14,
    )
    panel = archive.rows(frame, LIST, WIDTHS).with_transformation(_of_chosen_numbers())
    call = f"{CALLS}&${{archive:queryparam}}&var-call=${{__data.fields.Call}}"
    for time in ("Missed", "Last missed"):
        panel = panel.override_by_name(time, settings(unit=archive.SECONDS))
    return (
        panel.override_by_name("Caller", settings(links=[{"title": "The last missed call", "url": call}]))
        .override_by_name("Longest wait", settings(unit="dthms"))
        .override_by_name("Because", settings(mappings=missed_because()))
        .override_by_name("In Aircall", settings(**in_aircall()))
        # as text, because a link would contain a number in a format such as 2.41 Bil
        .override_by_name("Call", settings(**{"custom.hidden": True, "unit": "string"}))
    )


def _of_chosen_numbers() -> DataTransformerConfig:
    """Keep the callers of the chosen numbers. The variable is Prometheus', so its values are no SQL."""
    chosen = {"id": "regex", "options": {"value": "^(${number:regex})$"}}
    filters = [{"fieldName": "Number", "config": chosen}]
    return DataTransformerConfig(
        id_val="filterByValue", options={"type": "include", "match": "all", "filters": filters}
    )


def _open() -> Builder[Panel]:
    return lines(
        Frame(
            title="Callers to call back, by number",
            description="How many missed callers of each number had not talked to a user, at each time. "
            "Good: near zero at the end of each day.",
            unit="short",
            empty="No data in this time range",
            width=8,
            height=9,
        ),
        over_time(named_queue(f"sum by (number) ({OPEN})"), "{{number}}"),
    ).decimals(0)


def _ended() -> Builder[Panel]:
    return bars(
        Frame(
            title="How call-backs ended",
            description="Called back: a call to the caller was answered. Called again: the caller reached "
            "someone by themselves. Expired: neither, within `call_backs.expire`.",
            unit="short",
            empty="No call-back ended in this time range",
            width=8,
            height=9,
        ),
        RESULTS,
        over_time(f"sum by (result) ({in_each(ENDED)}) > 0", "{{result}}"),
    )


def _times() -> Builder[Panel]:
    return spread(
        Frame(
            title="Time to call back",
            description="How many callers were reached after how long; the brighter, the more. Good: bright "
            "only at the bottom. If no caller was reached, there are no cells.",
            unit="short",
            empty="No caller was reached in this time range",
            width=8,
            height=9,
        ),
        buckets(f"sum by (le) ({in_each(f'{TIME}{{{NUMBER}}}')})"),
    )


def board() -> model.Dashboard:
    """Build the dashboard."""
    board = history(PAGE, "now-24h", "calls").with_variable(archive.archive())
    for panel in (_now(), _list(), _open(), _ended(), _times()):
        board = board.with_panel(panel)
    return board.build()
