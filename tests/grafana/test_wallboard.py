"""The tiles of the wallboards, compared with the simulated account."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests

from exporter.config.settings import QueueWait
from exporter.durations import Duration
from exporter.simulator.faults import Fault, answer
from exporter.simulator.models import SimulatedCall
from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from grafana.boards import palette
from harness.dashboards import board, panel, rows_panel, shown
from tests.support.board_view import Row, Tile, View
from tests.support.past import QUICK, scraped
from tests.support.prometheus import Prometheus
from tests.support.running import eventually, running

WALLBOARDS = ("aircall-wallboard", "aircall-numbers")
CALLER = "+33 1 22 33 44 55"
NAMESAKE = "عمر حداد"
WORDS = {style.code: style.text for style in palette.WALL_STATES if style.code != "unknown"}


@dataclass
class Wall:
    """The wallboards, and the account that they show."""

    account: SimulatedAccount
    prometheus: Prometheus
    exporter: str
    aircall: SimulatedAircall

    def view(self, **chosen: str) -> View:
        """Return the boards as they are now."""
        now = time.time()
        return View(self.prometheus, now - 60, now, chosen)

    def tiles(self, uid: str, title: str) -> dict[str, Tile]:
        """Return the words and the colour of each tile of a panel, by title."""
        return self.view().tiles(panel(uid, title))

    def rows(self, uid: str, **chosen: str) -> list[Row]:
        """Return the rows of teams or numbers and their users."""
        return self.view(**chosen).rows(rows_panel(uid))

    def row(self, uid: str, name: str) -> Row:
        """Return the first row with this name."""
        return next(row for row in self.rows(uid) if row.get("display_name") == name)

    def cell(self, uid: str, name: str, field: str) -> Tile:
        """Return the words and the colour of a cell of the first row with this name."""
        value = self.row(uid, name)[field]
        return shown(rows_panel(uid, field).defaults, value)


@pytest.fixture(scope="module")
def wall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wall]:
    """Return a quiet account: one call was answered after 12 seconds, one was missed, and no caller waits."""
    start = time.time() - 300
    account = SimulatedAccount(users=12, calls_per_hour=0, start=start)
    *_, last = account.numbers.values()
    last.user_ids |= {account.add_user(NAMESAKE).id for _ in range(2)}
    number = next(number for number in account.numbers.values() if len(number.user_ids) > 3)
    user = min(number.user_ids)
    answered = account.ring_in(number.id, CALLER, at=start + 10)
    account.answer(answered.id, user, at=start + 22)
    account.hang_up(answered.id, at=start + 60)
    missed = account.ring_in(number.id, CALLER, at=start + 100)
    account.miss(missed.id, "no_available_agent", at=start + 130)
    account.advance(time.time())
    queue_wait = QueueWait(warning=Duration(10), critical=Duration(20))
    with (
        running(
            account, served={"rate_limit": 600}, refresh=QUICK, sla=Duration(8), queue_wait=queue_wait
        ) as exporter,
        scraped(exporter, tmp_path_factory.mktemp("quiet")) as prometheus,
    ):
        wall = Wall(account, prometheus, exporter.url, exporter.aircall)
        eventually(lambda: any("state" in row for row in wall.rows("aircall-numbers")))
        eventually(lambda: all("Value #missed" in row for row in wall.rows("aircall-wallboard")))
        eventually(lambda: "Since" in wall.tiles("aircall-wallboard", "Inbound calls today"))
        yield wall


@pytest.fixture
def waiting(wall: Wall) -> Iterator[SimulatedCall]:
    """Let two callers wait on a number of which one user is in do not disturb."""
    number = next(number for number in wall.account.numbers.values() if len(number.user_ids) > 3)
    wall.account.set_availability(max(number.user_ids), "do_not_disturb")
    first = wall.account.ring_in(number.id, CALLER)
    second = wall.account.ring_in(number.id, "anonymous")
    eventually(lambda: wall.tiles("aircall-wallboard", "Queue")["Waiting"][0] == "2")
    eventually(lambda: wall.tiles("aircall-wallboard", "Users now")["DND"][0] == "1")
    yield first
    wall.account.miss(first.id, "abandoned_in_classic")
    wall.account.miss(second.id, "abandoned_in_classic")
    wall.account.set_availability(max(number.user_ids), "available")


@pytest.mark.parametrize("uid", WALLBOARDS)
def test_wallboard_without_waiting_callers_shows_so_in_a_calm_colour(wall: Wall, uid: str) -> None:
    assert wall.tiles(uid, "Callers waiting") == {"Callers": ("No caller is waiting", palette.CALM)}
    nothing = ("0", palette.CALM)
    assert wall.tiles(uid, "Queue") == {"Waiting": nothing, "Longest, s": nothing, "In menus": nothing}


@pytest.mark.parametrize("uid", WALLBOARDS)
def test_wallboard_period_tiles_equal_the_calls_of_the_account(wall: Wall, uid: str) -> None:
    calls = {
        "Answered": ("1", palette.CALM),
        "Missed": ("1", palette.CALM),
        "Gave up": ("0", palette.CALM),
        "Answer, s": ("12", palette.CALM),
        "Service": ("0.5", palette.CALM),
    }
    recent = wall.tiles(uid, "Inbound calls of the last minutes")
    assert recent == {"Minutes": ("15", palette.CALM)} | calls
    today = wall.tiles(uid, "Inbound calls today")
    began = float(today.pop("Since")[0]) / 1000
    assert today == calls | {"To call back": ("1", palette.CALM)}
    assert time.time() - 25 * 3600 < began <= time.time()


@pytest.mark.parametrize("uid", WALLBOARDS)
def test_wallboard_users_in_several_teams_are_counted_once(wall: Wall, uid: str) -> None:
    states = Counter(wall.account.availability(user) for user in wall.account.users)
    tiles = wall.tiles(uid, "Users now")
    assert {title: int(count) for title, (count, _) in tiles.items()} == {
        word: states[state] for state, word in WORDS.items()
    }


def test_wallboard_has_a_row_for_each_team_and_membership(wall: Wall) -> None:
    rows = wall.rows("aircall-wallboard")
    expected = {(str(user), team.name) for team in wall.account.teams.values() for user in team.user_ids}
    in_a_team = {user for user, _ in expected}
    expected |= {(str(user), "Single Users") for user in wall.account.users if str(user) not in in_a_team}
    assert {(row["user_id"], row["team"]) for row in rows if "user_id" in row} == expected
    assert {row["display_name"] for row in rows if "user_id" not in row} == {team for _, team in expected}


def test_wallboard_by_number_has_a_row_for_each_number_and_signed_in_user(wall: Wall) -> None:
    rows = wall.rows("aircall-numbers")
    expected = {
        (str(user), number.name)
        for number in wall.account.numbers.values()
        for user in number.user_ids
        if wall.account.availability(user) != "offline"
    }
    assert {(row["user_id"], row["number"]) for row in rows if "user_id" in row} == expected
    numbers = {row["display_name"] for row in rows if "user_id" not in row}
    assert numbers == {number.name for number in wall.account.numbers.values()}


@pytest.mark.parametrize("uid", WALLBOARDS)
def test_wallboard_figures_equal_the_calls_of_the_account(wall: Wall, uid: str) -> None:
    number = next(number for number in wall.account.numbers.values() if len(number.user_ids) > 3)
    user = wall.account.users[min(number.user_ids)]
    name = user.name if uid == "aircall-wallboard" else number.name
    row = wall.row(uid, name)
    figures = {field: row[f"Value #{field}"] for field in ("inbound", "missed", "answer")}
    assert figures == {"inbound": 1, "missed": 1, "answer": 12}
    assert wall.cell(uid, name, "alert") == ("‼", palette.BRIGHT_RED)


def test_wallboard_row_of_a_team_shows_the_figures_of_the_team(wall: Wall) -> None:
    number = next(number for number in wall.account.numbers.values() if len(number.user_ids) > 3)
    teams = [team for team in wall.account.teams.values() if min(number.user_ids) in team.user_ids]
    for team in teams:
        row = wall.row("aircall-wallboard", team.name)
        assert (row["Value #inbound"], row["Value #missed"], row["Value #answer"]) == (1, 1, 12)
    assert teams


@pytest.mark.parametrize("uid", WALLBOARDS)
def test_wallboard_with_waiting_callers_names_them_and_their_number(
    wall: Wall, waiting: SimulatedCall, uid: str
) -> None:
    assert waiting.number
    callers = {title.lstrip("!‼ ") for title in wall.tiles(uid, "Callers waiting")}
    expected = {f"{caller} → {waiting.number.name}" for caller in (CALLER, "anonymous")}
    assert callers in (expected, {f"{CALLER} → {waiting.number.name}"})  # the longest, if it is critical


def test_wallboard_by_number_shows_the_queue_of_each_number(wall: Wall, waiting: SimulatedCall) -> None:
    assert waiting.number
    row = wall.row("aircall-numbers", waiting.number.name)
    assert row["Value #waiting"] == 2
    assert float(row["Value #wait"]) > 0


@pytest.mark.parametrize("uid", WALLBOARDS)
def test_wallboard_shows_which_available_users_could_pick_up(
    wall: Wall, waiting: SimulatedCall, uid: str
) -> None:
    assert waiting.number
    rows = [row for row in wall.rows(uid) if "user_id" in row]
    alert = rows_panel(uid, "alert").defaults
    free = {row["user_id"] for row in rows if shown(alert, float(row.get("alert", 0)))[0] == "☎"}
    users = waiting.number.user_ids
    assert free == {str(user) for user in users if wall.account.is_available(user)}


@pytest.mark.parametrize(("symbol", "colour"), [("! ", palette.YELLOW), ("‼ ", palette.BRIGHT_RED)])
def test_wallboard_wait_turns_yellow_and_red_at_the_thresholds(
    wall: Wall, waiting: SimulatedCall, symbol: str, colour: str
) -> None:
    def titles() -> list[str]:
        tiles = wall.tiles("aircall-wallboard", "Callers waiting")
        return [title for title, (_, each) in tiles.items() if each == colour]

    assert all(title.startswith(symbol) for title in eventually(titles, within=40))


def test_wallboard_user_in_a_call_is_shown_so(wall: Wall) -> None:
    number = next(number for number in wall.account.numbers.values() if len(number.user_ids) > 3)
    user = wall.account.users[min(number.user_ids)]
    call = wall.account.ring_in(number.id, CALLER)
    wall.account.answer(call.id, user.id)
    try:
        eventually(lambda: wall.cell("aircall-wallboard", user.name, "state")[0] == "In a call")
        assert 0 <= float(wall.row("aircall-wallboard", user.name)["Value #since"]) <= 1
    finally:
        wall.account.hang_up(call.id)


def test_wallboard_users_of_the_same_name_show_their_ids(wall: Wall) -> None:
    names = {row["display_name"] for row in wall.rows("aircall-wallboard") if "user_id" in row}
    namesakes = [user for user in wall.account.users.values() if user.name == NAMESAKE]
    assert {f"{NAMESAKE} {user.id}" for user in namesakes} <= names
    assert NAMESAKE not in names


def test_wallboard_user_who_is_away_shows_the_substatus(wall: Wall) -> None:
    user = next(user for user in wall.account.users.values() if user.availability_status != "custom")

    def state() -> Tile:
        return wall.cell("aircall-wallboard", user.name, "state")

    wall.account.set_availability(user.id, "do_not_disturb", substatus="out_for_lunch")
    try:
        eventually(lambda: state()[0] == "Lunch")
        assert state()[1] == palette.AWAY
        wall.account.switch(user.id, "unavailable")
        eventually(lambda: state()[0] == WORDS["do_not_disturb"])
    finally:
        wall.account.set_availability(user.id, "available")
    eventually(lambda: state()[0] == WORDS["available"])


@pytest.mark.parametrize("uid", WALLBOARDS)
def test_wallboard_user_links_to_the_page_of_the_user(wall: Wall, uid: str) -> None:
    ((_, link),) = [
        (link["title"], link["url"]) for link in rows_panel(uid).settings("byName", "state")["links"]
    ]
    users = set()
    for row in wall.rows(uid):
        if "user_id" in row:
            address = link.replace("${exporter}", wall.exporter)
            address = address.replace("${__data.fields.user_id}", str(row["user_id"]))
            answer = requests.get(address, timeout=10)
            assert (answer.status_code, "--web.enable-admin-api" in answer.text) == (403, True)
            users.add(int(address.rsplit("/", 1)[1]))
    assert users <= wall.account.users.keys()
    assert users
    (variable,) = [each for each in board(uid)["templating"]["list"] if each["name"] == "exporter"]
    assert (variable["type"], variable["query"]) == ("textbox", "http://localhost:9979")


@pytest.mark.parametrize("uid", WALLBOARDS)
def test_wallboard_with_old_data_shows_a_warning(wall: Wall, uid: str) -> None:
    def data() -> Tile:
        return wall.tiles(uid, "Data")["Data"]

    eventually(lambda: data() == ("Live", palette.CALM))
    wall.aircall.faults.append(Fault(lambda _: True, answer(503)))
    try:
        eventually(lambda: data() == ("‼ Old", palette.BRIGHT_RED))
    finally:
        wall.aircall.faults.clear()
    eventually(lambda: data() == ("Live", palette.CALM))


@pytest.mark.parametrize("uid", WALLBOARDS)
def test_wallboard_caller_without_number_is_shown_with_no_number(wall: Wall, uid: str) -> None:
    call = wall.account.ring_in(None, "+33 9 99 99 99 99")
    try:
        eventually(lambda: wall.tiles(uid, "Queue")["Waiting"][0] == "1")
        (title,) = wall.tiles(uid, "Callers waiting")
        assert title.lstrip("!‼ ") == "+33 9 99 99 99 99 → no number"
    finally:
        wall.account.miss(call.id, "abandoned_in_classic")
    eventually(lambda: "Callers" in wall.tiles(uid, "Callers waiting"))
