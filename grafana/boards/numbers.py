"""Build the wallboard by number: the users under the numbers that they answer."""

from grafana_foundation_sdk.builders.stat import Panel
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.boards import overview
from grafana.boards.board import Page, live
from grafana.boards.lines import lines
from grafana.boards.palette import LEVELS, NO_DATA, PICK_UP, STATES
from grafana.boards.panels import Frame, sorted_by
from grafana.boards.people import ON_NUMBER, users
from grafana.boards.tile import stacked, switchable, switching

PAGE = Page(
    "aircall-numbers",
    "Aircall · Wallboard by number",
    "Who waits on which Aircall number, and who is there to answer it",
)


def _number() -> Panel:
    frame = Frame(
        title="$number",
        description="First the number itself: who waits, and its inbound calls of the activity period: "
        "answered (in), missed, average time to answer ⌀ (‼: above the SLA), service level SL, the "
        "share answered in time. ! yellow and ‼ red: a caller waits beyond the thresholds of "
        "`queue_wait`. Then every user assigned to the number, with the time in the present "
        "state or call; ↓ inbound or ↑ outbound. ‼ before the name: the user's average time to "
        "answer is above the SLA. ☎ PICK UP: available, and a call that the user could take is waiting. "
        "A click on a user leads to the page that makes the user available or unavailable.",
        unit="string",
        empty="No data",
        width=24,
        height=19,
        base=NO_DATA,
    )
    shown = (PICK_UP, *STATES, *LEVELS)
    # smaller, because a number may have many users, and then a tile has one line
    panel = stacked(frame, [lines(), users(ON_NUMBER)], shown, caption_size=17, text_size=13)
    return (
        switchable(panel, "B")
        .with_transformation(sorted_by("user"))
        .repeat("number")
        .repeat_direction("h")
        .max_per_row(6)
    )


def board() -> Dashboard:
    """Build the dashboard."""
    return live(PAGE, *overview.panels(ON_NUMBER), _number(), choices=[switching()])
