"""Build the wallboard: the queue, and the users of each team, for a TV."""

from grafana_foundation_sdk.builders.stat import Panel
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.boards import overview
from grafana.boards.board import Page, live
from grafana.boards.palette import NO_DATA, PICK_UP, STATES
from grafana.boards.panels import Frame, sorted_by
from grafana.boards.people import IN_TEAM, details, users
from grafana.boards.tile import stacked, switchable, switching

PAGE = Page(
    "aircall-wallboard",
    "Aircall · Wallboard",
    "Who waits, who is there, and how the last minutes went, team by team",
)


def _team() -> Panel:
    frame = Frame(
        title="$team",
        description="Every user of the team, with the time in the present state or call. Below, the state; "
        "on do not disturb why, such as Out for lunch; in a call, ↓ inbound or ↑ outbound, the other "
        "party, the Aircall number. Then the calls of the activity period: answered inbound, outbound, "
        "missed (on all numbers that the user is assigned to), average time to answer ⌀. ‼ before the "
        "name: a limit is exceeded, and ‼ behind the figure or a word at the end says which. ☎ PICK UP: "
        "available, and a call that the user could take is waiting. A click on a tile leads to where the "
        "user can be made available or unavailable.",
        unit="string",
        empty="No data, or no users in this team",
        width=24,
        height=19,
        base=NO_DATA,
    )
    panel = stacked(frame, [users(IN_TEAM, details)], (PICK_UP, *STATES))
    return (
        switchable(panel, "A")
        .with_transformation(sorted_by("user"))
        .repeat("team")
        .repeat_direction("h")
        .max_per_row(6)
    )


def board() -> Dashboard:
    """Build the dashboard."""
    return live(PAGE, *overview.panels(IN_TEAM), _team(), choices=[switching()])
