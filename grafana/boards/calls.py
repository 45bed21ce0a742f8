"""Build the call history dashboard: a search like the tutorial's "Advanced Search"."""

from grafana_foundation_sdk.builders import stat, table
from grafana_foundation_sdk.builders.common import ReduceDataOptions
from grafana_foundation_sdk.builders.dashboard import CustomVariable, Dashboard
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.common import BigValueGraphMode, BigValueTextMode
from grafana_foundation_sdk.models.dashboard import VariableOption

from grafana.boards import archive
from grafana.boards.archive import matching, sql
from grafana.boards.board import Page, bare
from grafana.boards.palette import AI_AGENT, GREEN, GREY, NEUTRAL, REASONS, RED
from grafana.boards.panels import Frame, framed, settings
from grafana.boards.variables import exporter

PAGE = Page(
    "aircall-calls",
    "Aircall · Call history",
    "Single calls, searched by every criterion, with a way to listen to them",
)

SHOWN = 500
"""Maximum number of calls in the table. The totals include all calls."""


WIDTHS = {
    "Started": 150,
    "Direction": 95,
    "Outcome": 105,
    "Missed because": 178,
    "User": 165,
    "Number": 152,
    "External number": 155,
    "Time to answer": 145,
    "Talked": 85,
    "Duration": 95,
    "Tags": 110,
    "Assigned to": 115,
    "Listen": 85,
    "In Aircall": 95,
}
"""Widths of the columns in pixels, on a screen of 1920 pixels. Comments take the remaining width."""


TOTALS = f"""
SELECT count(*) AS "Calls",
  count(*) FILTER (WHERE direction = 'inbound') AS "Inbound",
  count(*) FILTER (WHERE direction = 'outbound') AS "Outbound",
  count(*) FILTER (WHERE outcome = 'answered') AS "Answered",
  count(*) FILTER (WHERE outcome = 'missed') AS "Missed",
  count(*) FILTER (WHERE outcome = 'unanswered') AS "Not answered",
  nullif(count(*) FILTER (WHERE outcome = 'ai_agent'), 0) AS "By an AI agent",
  count(*) FILTER (WHERE outcome IS NULL) AS "Under way",
  coalesce(sum(talk_time) FILTER (WHERE outcome = 'answered'), 0) AS "Talked",
  avg(time_to_answer) FILTER (WHERE outcome = 'answered' AND direction = 'inbound') AS "Time to answer"
FROM call_history
WHERE {matching()}
""".strip()

CALLS = f"""
SELECT to_timestamp(started_at) AS "Started",
  direction AS "Direction",
  coalesce(outcome, CASE status WHEN 'initial' THEN 'rings' ELSE 'talks' END) AS "Outcome",
  coalesce(missed_call_reason, '') AS "Missed because",
  user_name AS "User", number_name AS "Number", caller AS "External number",
  time_to_answer AS "Time to answer", talk_time AS "Talked", duration AS "Duration",
  tags AS "Tags", comments AS "Comments", assigned_to AS "Assigned to",
  CASE WHEN recorded THEN 'recording' WHEN voicemail THEN 'voicemail' ELSE '' END AS "Listen",
  coalesce(asset, '#') AS "In Aircall",
  id::text AS "Call"
FROM call_history
WHERE {matching()}
ORDER BY started_at DESC, id DESC LIMIT {SHOWN}
""".strip()


JOURNEY = """
SELECT to_timestamp(at) AS "Time", after AS "After", replace(name, '_', ' ') AS "Step", user_name AS "User",
  seconds AS "Lasted", replace(detail, '_', ' ') AS "Detail"
FROM call_journey
WHERE call_id = left(digits(${call:sqlstring}), 18)::bigint
ORDER BY at, position, user_id
""".strip()

JOURNEY_PANEL = 100
"""The id of the panel that a click on the start of a call opens."""
JOURNEY_WIDTHS = {"Time": 200, "After": 110, "Step": 220, "User": 260, "Lasted": 130}


def _totals() -> stat.Panel:
    frame = Frame(
        title="What matches",
        description="All calls that match, also those beyond the table's end: how many, by direction and "
        "outcome, the time talked in all of them, and the average time until an inbound call was answered.",
        unit="locale",
        empty="–",
        width=24,
        height=4,
    )
    panel = framed(stat.Panel(), frame, [sql(TOTALS)], archive.ARCHIVE)
    panel = (
        panel.reduce_options(ReduceDataOptions().values(False).fields("/.*/").calcs(["lastNotNull"]))
        .graph_mode(BigValueGraphMode.NONE)
        .text_mode(BigValueTextMode.VALUE_AND_NAME)
        .wide_layout(False)
        .decimals(0)
    )
    for name in ("Talked", "Time to answer"):
        panel = panel.override_by_name(name, settings(unit="dtdhms"))
    return panel


def _calls() -> table.Panel:
    frame = Frame(
        title="Calls",
        description=f"The {SHOWN} newest calls that match. Listen plays the recording or voicemail by a link "
        "that Aircall has just given to the exporter; In Aircall opens its page there, behind Aircall's "
        "login. A click on the start shows the steps of a call, and a click on a user or number narrows the "
        "search to it. To save the table as CSV: Inspect, "
        "Data in the panel's menu.",
        unit="locale",
        empty="No call matches. Longer than and Shorter than take durations such as 90s, 5m or 1h30m.",
        width=24,
        height=22,
    )
    panel = archive.rows(frame, CALLS, WIDTHS).filterable(True)
    for name in ("Time to answer", "Talked", "Duration"):
        panel = panel.override_by_name(name, settings(unit="dthms"))
    keep = "${__url_time_range}&${archive:queryparam}&${exporter:queryparam}"
    for name, variable in (("User", "user"), ("Number", "number")):
        only = f"/d/{PAGE.uid}?{keep}&var-{variable}=${{__value.raw:percentencode}}"
        panel = panel.override_by_name(name, settings(links=_link(f"Only this {name.lower()}", only)))
    steps = f"/d/{PAGE.uid}?{keep}&var-call=${{__data.fields.Call}}&viewPanel=panel-{JOURNEY_PANEL}"
    panel = panel.override_by_name(
        "Started", settings(unit=archive.SECONDS, links=_link("The steps of this call", steps))
    )
    play = "${exporter}/api/v1/calls/${__data.fields.Call}/${__value.raw}"
    return (
        panel.override_by_name("Listen", settings(links=_link("Play it", play, new_tab=True)))
        .override_by_name(
            "In Aircall",
            settings(**in_aircall()),
        )
        .override_by_name("Missed because", settings(mappings=missed_because()))
        .override_by_name("Outcome", settings(mappings=_outcomes()))
        .override_by_name(
            "Outcome", settings(**{"custom.cellOptions": {"type": "color-background", "mode": "basic"}})
        )
        # as text, because a link would contain a number in a format such as 2.41 Bil
        .override_by_name("Call", settings(**{"custom.hidden": True, "unit": "string"}))
    )


def _journey() -> table.Panel:
    frame = Frame(
        title="Journey of the chosen call",
        description="The steps of one call: menus, on whom it rang and for how long, holds, transfers and "
        "wrapping up, as events and call timelines reported them. `unknown` names what nothing reported.",
        unit="locale",
        empty="Click the start of a call to see its steps",
        width=24,
        height=10,
    )
    panel = archive.rows(frame, JOURNEY, JOURNEY_WIDTHS).id(JOURNEY_PANEL)
    panel = panel.override_by_name("Time", settings(unit=archive.SECONDS))
    for name in ("After", "Lasted"):
        panel = panel.override_by_name(name, settings(unit="dthms"))
    return panel


def _link(title: str, url: str, *, new_tab: bool = False) -> list[dict[str, object]]:
    return [{"title": title, "url": url, "targetBlank": new_tab}]


def in_aircall() -> dict[str, object]:
    """Build the settings of a column with the addresses of pages in Aircall."""
    return {"links": _link("Open its page in Aircall", "${__value.raw}", new_tab=True), "mappings": _page()}


def _page() -> list[model.ValueMapping]:
    """Build mappings that show an address as a word, and a missing one as a blank."""
    return [
        model.RegexMap(
            options=model.DashboardRegexMapOptions(
                pattern=pattern, result=model.ValueMappingResult(text=text, index=index)
            )
        )
        for index, (pattern, text) in enumerate((("^#$", "\u00a0"), ("^.+$", "open")))
    ]


def _outcomes() -> list[model.ValueMapping]:
    colours = {
        "answered": GREEN,
        "missed": RED,
        "unanswered": GREY,
        AI_AGENT.code: AI_AGENT.colour,
        "rings": NEUTRAL,
        "talks": NEUTRAL,
    }
    words = {"unanswered": "not answered", AI_AGENT.code: AI_AGENT.text}
    return [
        model.ValueMap(
            options={
                outcome: model.ValueMappingResult(text=words.get(outcome, outcome), color=colour, index=index)
                for index, (outcome, colour) in enumerate(colours.items())
            }
        )
    ]


def missed_because() -> list[model.ValueMapping]:
    """Build mappings from Aircall's missed reasons to words."""
    words = {style.code: model.ValueMappingResult(text=style.text) for style in REASONS}
    return [model.ValueMap(options=words)]


def _missed() -> CustomVariable:
    return (
        CustomVariable("missed")
        .label("Missed")
        .description("Only missed calls, or none of them.")
        .values("any,only missed : missed,none of them : others")
        .current(VariableOption(selected=True, text="any", value="any"))
    )


def board() -> model.Dashboard:
    """Build the dashboard."""
    board: Dashboard = bare(PAGE).time("now-24h", "now").with_variable(archive.archive())
    for variable in (
        archive.chosen("user", "User", "Only the calls of these users.", archive.named("user")),
        archive.chosen("team", "Team", "Only calls that counted for these teams.", archive.named("team")),
        archive.chosen(
            "number", "Number", "Only the calls of these Aircall numbers.", archive.named("number")
        ),
        archive.options("direction", "Direction", "Only calls in this direction.", "inbound", "outbound"),
        _missed(),
        archive.chosen("reason", "Missed because", "Only calls that were missed for this.", archive.REASONS),
        archive.written("longer", "Longer than", "Such as 90s, 5m or 1h30m, ringing included."),
        archive.written("shorter", "Shorter than", "Such as 90s, 5m or 1h30m, ringing included."),
        archive.options(
            "asset", "With", "Only calls with one of these to listen to.", "recording", "voicemail"
        ),
        archive.chosen("tag", "Tag", "Only calls with one of these tags.", archive.TAGS),
        archive.written(
            "caller", "External number", "Some digits of it, however it is written, or anonymous."
        ),
        archive.written("text", "Text", "Anywhere: external number, user, number, reason, tags, comments."),
        archive.written("call", "Call", "One call by its id, whenever it was.", shown=False),
        exporter("play a recording. It needs --web.enable-api"),
    ):
        board = board.with_variable(variable)
    return board.with_panel(_totals()).with_panel(_calls()).with_panel(_journey()).build()
