"""Build the tiles above the rows of both wallboards.

The first line has the queue, the users and whether the data is current, the second the calls of both periods.
"""

from grafana_foundation_sdk.builders.stat import Panel

from grafana.boards import live_queue
from grafana.boards.palette import (
    BRIGHT_RED,
    CALM,
    GREEN,
    NO_DATA,
    WALL_STATES,
    YELLOW,
    StateStyle,
    nothing,
    value_map,
)
from grafana.boards.panels import Frame
from grafana.boards.promql import EXPORTER, NUMBER, RECENT, named_queue
from grafana.boards.tile import Tile, tiles
from grafana.boards.wallboard_rows import COLUMNS, MAX_ROWS

HEIGHT = 3
MAX_CALLERS = 2


def panels(users: str, rows: str) -> tuple[Panel, ...]:
    """Build both lines.

    Args:
        users: Selects the availability of the users that are counted.
        rows: The number of rows below, of which `MAX_ROWS` in each column are shown.
    """
    return (
        *(_queue(), _callers(), live_queue.panel(5, HEIGHT), _users(users, rows), _data()),
        *(_last_minutes(), _today()),
    )


def _strip(  # noqa: PLR0913
    title: str,
    width: int,
    description: str,
    shown: list[Tile],
    *,
    title_size: int = 11,
    value_size: int = 26,
) -> Panel:
    frame = Frame(
        title=title,
        description=description,
        unit="none",
        empty="No data",
        width=width,
        height=HEIGHT,
        base=NO_DATA,
    )
    return tiles(frame, shown, title_size=title_size, value_size=value_size)


def _queue() -> Panel:
    return _strip(
        "Queue",
        4,
        "Callers who wait for a user, and how long the first of them has been waiting. In menus: those in a "
        "menu or with an AI voice agent, as far as Aircall reports it. They do not wait for a user yet.",
        [
            Tile("Waiting", f"sum(aircall_queue_calls{{{NUMBER}}})", steps=((1, GREEN),)),
            Tile("Longest, s", f"max(aircall_queue_longest_wait_seconds{{{NUMBER}}})"),
            Tile("In menus", f"sum(aircall_queue_menu_calls{{{NUMBER}}})"),
        ],
    )


def _callers() -> Panel:
    waits = f"aircall_queue_call_wait_seconds{{{NUMBER}}}"

    def at(level: int) -> str:
        return f"{waits} and on (instance, call_id) aircall_queue_call_wait_level{{{NUMBER}}} == {level}"

    critical = f"count(aircall_queue_call_wait_level{{{NUMBER}}} == 2)"
    levels = (
        ("‼ ", BRIGHT_RED, f"topk(1, {at(2)})"),
        ("! ", YELLOW, f"topk({MAX_CALLERS}, {at(1)}) unless on () {critical}"),
        ("", GREEN, f"topk({MAX_CALLERS}, {at(0)}) unless on () {critical}"),
    )
    return _strip(
        "Callers waiting",
        8,
        "The callers who have been waiting longest, and the Aircall number that they called.",
        [
            *(
                Tile(symbol + "{{caller}} → {{number}}", named_queue(expr), unit="dthms", base=colour)
                for symbol, colour, expr in levels
            ),
            Tile(
                "Callers",
                f"sum(aircall_queue_calls{{{NUMBER}}}) == 0",
                mappings=[value_map([StateStyle("0", CALM, "No caller is waiting")])],
            ),
        ],
        title_size=14,
        value_size=30,
    )


def _users(users: str, rows: str) -> Panel:
    return _strip(
        "Users now",
        6,
        "How many users are in which state. Not shown: rows for which the screen has no space. Choose fewer "
        "teams or numbers, or use several screens.",
        [
            Tile(
                style.text,
                f'sum(max by (user_id) (aircall_user_availability{{{users}, state="{style.code}"}}))',
                base=CALM,
                steps=((1, style.colour),),
            )
            for style in WALL_STATES
            if style.code != "unknown"
        ]
        + [Tile("Not shown", f"{rows} - {COLUMNS * MAX_ROWS} > 0", base=YELLOW)],
    )


def _last_minutes() -> Panel:
    length = f"aircall_activity_period_seconds{{{EXPORTER}}} / 60"
    return _strip(
        "Inbound calls of the last minutes",
        12,
        f"Calls that ended and began within the last `activity_period`. {_WORDS}",
        [Tile("Minutes", f"max({length})"), *_calls(RECENT)],
    )


def _today() -> Panel:
    begin = f"aircall_today_start_timestamp_seconds{{{EXPORTER}}} * 1000"
    return _strip(
        "Inbound calls today",
        12,
        f"Calls that ended and began since `today.starts_at`; the first tile says when that was. {_WORDS} To "
        "call back: callers who were missed, on any day, and have not talked to anyone since.",
        [
            Tile("Since", f"min({begin})", unit="time:HH:mm"),
            *_calls('period="today"'),
            Tile("To call back", f"sum(aircall_number_call_backs_open{{{NUMBER}}})"),
        ],
    )


_WORDS = (
    "Gave up: share of callers who ended the call before an answer. Service: share that was answered within "
    "`service_level.within`. Calls that `service_level` ignores do not count for these two."
)


def _calls(period: str) -> list[Tile]:
    inbound = f'{NUMBER},{period},direction="inbound"'
    answered = f'aircall_number_period_calls{{{inbound},outcome="answered"}}'
    answer = f"aircall_number_average_answer_seconds{{{EXPORTER}}}"
    return [
        Tile("Answered", f"sum({answered})"),
        Tile("Missed", f'sum(aircall_number_period_calls{{{inbound},outcome="missed"}})'),
        _of_calls("Gave up", _share("abandoned", period), "percentunit"),
        _of_calls(
            "Answer, s",
            f"(sum({answer} * on(number_id, period) {answered}) or vector(0)) / sum({answered})",
            "none",
        ),
        _of_calls("Service", _share("in_time", period), "percentunit"),
    ]


def _share(result: str, period: str) -> str:
    """Return the share of the calls that count for the service level which have this result."""
    counting = f"aircall_number_service_calls{{{NUMBER}, {period}"
    return f'sum({counting}, result="{result}"}}) / sum({counting}}})'


def _of_calls(title: str, expr: str, unit: str) -> Tile:
    """Build a tile with a share or an average. Without calls it is not a number, and shown as a dash."""
    return Tile(title, expr, unit=unit, mappings=[nothing("–", CALM)])


def _data() -> Panel:
    up = [StateStyle("1", CALM, "Live"), StateStyle("0", BRIGHT_RED, "‼ Old")]
    return _strip(
        "Data",
        1,
        "Whether the calls and states are current. Old: three polls in a row failed or are missing.",
        [
            Tile("Data", f"min(aircall_up{{{EXPORTER}}})", mappings=[value_map(up)]),
        ],
        value_size=17,
    )
