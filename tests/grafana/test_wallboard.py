"""The tiles of the wallboards, compared with the simulated account."""

import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pytest
import requests

from exporter.config.settings import QueueWait
from exporter.durations import Duration
from exporter.simulator.faults import Fault, answer
from exporter.simulator.models import SimulatedCall
from exporter.simulator.server import SimulatedAircall
from exporter.simulator.simulation import SimulatedAccount
from grafana.boards import palette
from harness.dashboards import board, panel
from tests.support.past import QUICK, scraped
from tests.support.prometheus import Prometheus
from tests.support.running import eventually, running

WALLBOARDS = ("aircall-wallboard", "aircall-numbers")
CALLER = "+33 1 22 33 44 55"
NAMESAKE = "عمر حداد"
WORDS = {
    "available": "Available",
    "in_call": "In a call",
    "after_call_work": "After-call work",
    "do_not_disturb": "Do not disturb",
    "offline": "Offline",
}


@dataclass
class Wall:
    """The tiles of the wallboards, and the account that they show."""

    account: SimulatedAccount
    prometheus: Prometheus
    exporter: str
    aircall: SimulatedAircall

    def tiles(self, uid: str, title: str, **chosen: str) -> dict[str, tuple[str, str]]:
        """Return the words and the colour of each tile of a panel, by caption."""
        shown = panel(uid, title)
        return {
            sample["metric"]["caption"].replace("\u00a0", " "): shown.shown(sample["metric"]["text"])
            for target in shown.targets
            for sample in self.prometheus.query(target["expr"], None, **chosen)
        }


def named(caption: str) -> str:
    """Return the user's name without symbol and time. A name that several users have includes the id."""
    found = re.fullmatch(r"(?:‼ )?\u2068(.*) (?:\d+:\d\d|(?:\d+ h )?\d+ min)", caption)
    assert found, caption
    name, _, which = found[1].partition("\u2069")
    return name + which


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
        eventually(lambda: len(wall.tiles("aircall-numbers", "Users now")) == len(WORDS))
        yield wall


@pytest.fixture
def waiting(wall: Wall) -> Iterator[SimulatedCall]:
    """Let two callers wait on a number of which one user is in do not disturb."""
    number = next(number for number in wall.account.numbers.values() if len(number.user_ids) > 3)
    wall.account.set_availability(max(number.user_ids), "do_not_disturb")
    first = wall.account.ring_in(number.id, CALLER)
    second = wall.account.ring_in(number.id, "anonymous")
    eventually(lambda: wall.tiles("aircall-wallboard", "Queue now")["Waiting now"][0].endswith("2"))
    eventually(lambda: wall.tiles("aircall-wallboard", "Users now")["Do not disturb"][0] == "1")
    yield first
    wall.account.miss(first.id, "abandoned_in_classic")
    wall.account.miss(second.id, "abandoned_in_classic")
    wall.account.set_availability(max(number.user_ids), "available")


@pytest.mark.parametrize("uid", WALLBOARDS)
def test_wallboard_without_waiting_callers_shows_so_in_a_calm_colour(wall: Wall, uid: str) -> None:
    assert wall.tiles(uid, "Callers waiting") == {
        "Nobody is waiting": ("Every caller has been taken care of", palette.CALM)
    }
    assert wall.tiles(uid, "Queue now") == {
        "Waiting now": ("0", palette.CALM),
        "Longest wait": ("–", palette.CALM),
    }


@pytest.mark.parametrize("uid", WALLBOARDS)
def test_wallboard_period_tiles_equal_the_calls_of_the_account(wall: Wall, uid: str) -> None:
    assert wall.tiles(uid, "Inbound calls, activity period") == {
        "Answered": ("1", palette.CALM),
        "Missed": ("! 1", palette.YELLOW),
        "Time to answer": ("‼ 0:12", palette.BRIGHT_RED),
        "Service level": ("‼ 50%", palette.BRIGHT_RED),
    }


@pytest.mark.parametrize("uid", WALLBOARDS)
def test_wallboard_users_in_several_teams_are_counted_once(wall: Wall, uid: str) -> None:
    states = Counter(wall.account.availability(user) for user in wall.account.users)
    shown = wall.tiles(uid, "Users now")
    assert {caption: int(words) for caption, (words, _) in shown.items()} == {
        word: states[state] for state, word in WORDS.items()
    }


def test_wallboard_has_a_tile_for_each_membership(wall: Wall) -> None:
    expr = panel("aircall-wallboard", "$team").targets[0]["expr"]
    members = {(m["user_id"], m["team"]) for m in (each["metric"] for each in wall.prometheus.query(expr))}
    expected = {(str(user), team.name) for team in wall.account.teams.values() for user in team.user_ids}
    in_a_team = {user for user, _ in expected}
    expected |= {(str(user), "Single Users") for user in wall.account.users if str(user) not in in_a_team}
    assert members == expected


def test_wallboard_with_waiting_callers_names_them_and_the_available_users(
    wall: Wall, waiting: SimulatedCall
) -> None:
    number = waiting.number
    assert number
    names = {user: wall.account.users[user].name for user in number.user_ids}
    free = {names[user] for user in number.user_ids if wall.account.is_available(user)}
    callers = wall.tiles("aircall-wallboard", "Callers waiting")
    assert {caption.split(maxsplit=1)[1] for caption in callers} == {CALLER, "anonymous"}
    for words, _ in callers.values():
        line, who = words.split(" → ")
        assert line.endswith(number.name)
        assert {name.strip() for name in who.split(" +")[0].split(",")} <= free
    picking_up = {
        named(caption)
        for caption, (words, colour) in wall.tiles("aircall-numbers", "$number", number=number.name).items()
        if "PICK UP" in words and colour == palette.BRIGHT_GREEN
    }
    assert picking_up == free


def test_wallboard_number_tile_shows_its_figures(wall: Wall, waiting: SimulatedCall) -> None:
    assert waiting.number
    tiles = wall.tiles("aircall-numbers", "$number", number=waiting.number.name)
    (words,) = (words for caption, (words, _) in tiles.items() if caption.startswith("2 waiting "))
    assert "in 1 missed 1 ⌀ 12 s" in words
    assert "SL 50%" in words


def test_wallboard_wait_turns_yellow_and_red_at_the_thresholds(wall: Wall, waiting: SimulatedCall) -> None:
    def words_in(colour: str) -> str | None:
        words, shown = wall.tiles("aircall-wallboard", "Queue now")["Longest wait"]
        return words if shown == colour else None

    for sign, colour in (("! ", palette.YELLOW), ("‼ ", palette.BRIGHT_RED)):
        words = eventually(partial(words_in, colour), within=40)
        assert words
        assert words.startswith(sign)


def test_wallboard_user_in_a_call_shows_the_caller(wall: Wall) -> None:
    number = next(number for number in wall.account.numbers.values() if len(number.user_ids) > 3)
    user = wall.account.users[min(number.user_ids)]
    call = wall.account.ring_in(number.id, CALLER)
    wall.account.answer(call.id, user.id)
    try:

        def shown() -> tuple[str, str]:
            tiles = wall.tiles("aircall-wallboard", "$team")
            return next(tile for caption, tile in tiles.items() if named(caption) == user.name)

        eventually(lambda: shown()[0].startswith("In a call") and CALLER in shown()[0])
        words, colour = shown()
        assert colour == palette.ORANGE
        assert f"↓ {CALLER} {number.name} · in 1" in words
        assert "⌀ 12 s ‼" in words
    finally:
        wall.account.hang_up(call.id)


def test_wallboard_users_of_the_same_name_show_their_ids(wall: Wall) -> None:
    shown = Counter(map(named, wall.tiles("aircall-wallboard", "$team")))
    namesakes = [user for user in wall.account.users.values() if user.name == NAMESAKE]
    assert {f"{NAMESAKE} {user.id}" for user in namesakes} <= shown.keys()
    assert NAMESAKE not in shown


@pytest.mark.parametrize("uid", WALLBOARDS)
def test_wallboard_user_who_is_away_shows_the_substatus(wall: Wall, uid: str) -> None:
    user = next(
        user
        for user in wall.account.users.values()
        if user.availability_status != "custom" and wall.account.numbers_of(user.id)
    )
    title = "$team" if uid == "aircall-wallboard" else "$number"

    def shown() -> tuple[str, str]:
        tiles = wall.tiles(uid, title)
        return next(tile for caption, tile in tiles.items() if user.name in caption)

    wall.account.set_availability(user.id, "do_not_disturb", substatus="Out for lunch")
    try:
        eventually(lambda: shown()[0].startswith("Do not disturb · Out for lunch"))
        assert shown()[1] == palette.RED
        wall.account.switch(user.id, "unavailable")
        eventually(lambda: shown()[0].startswith("Do not disturb") and "lunch" not in shown()[0])
        assert "always" not in shown()[0]
    finally:
        wall.account.set_availability(user.id, "available")
    eventually(lambda: shown()[0].startswith("Available"))
    assert "lunch" not in shown()[0]


def test_wallboard_user_tile_links_to_the_page_of_the_user(wall: Wall) -> None:
    shown = panel("aircall-wallboard", "$team")
    (link,) = [
        each["value"][0]["url"]
        for override in shown.model["fieldConfig"]["overrides"]
        for each in override["properties"]
        if each["id"] == "links"
    ]
    users = set()
    for sample in wall.prometheus.query(shown.targets[0]["expr"]):
        address = link
        for field, value in sample["metric"].items():
            address = address.replace(f"${{__data.fields.{field}}}", value)
        assert address.startswith("${exporter}/")
        answer = requests.get(address.replace("${exporter}", wall.exporter), timeout=10)
        assert (answer.status_code, "--web.enable-admin-api" in answer.text) == (403, True)
        users.add(int(address.rsplit("/", 1)[1]))
    assert users == wall.account.users.keys()
    (variable,) = [
        each for each in board("aircall-wallboard")["templating"]["list"] if each["name"] == "exporter"
    ]
    assert (variable["type"], variable["query"]) == ("textbox", "http://localhost:9979")


@pytest.mark.parametrize("uid", WALLBOARDS)
def test_wallboard_with_old_data_shows_a_warning(wall: Wall, uid: str) -> None:
    def is_red() -> bool:
        words, colour = wall.tiles(uid, "Data")["Age"]
        assert words.startswith("‼ ") == (colour == palette.BRIGHT_RED)
        return colour == palette.BRIGHT_RED

    eventually(lambda: not is_red())
    wall.aircall.faults.append(Fault(lambda _: True, answer(503)))
    try:
        eventually(is_red)
    finally:
        wall.aircall.faults.clear()
    eventually(lambda: not is_red())


@pytest.mark.parametrize("uid", WALLBOARDS)
def test_wallboard_caller_without_number_is_shown_with_no_number(wall: Wall, uid: str) -> None:
    call = wall.account.ring_in(None, "+33 9 99 99 99 99")
    try:
        eventually(lambda: wall.tiles(uid, "Queue now")["Waiting now"][0].endswith("1"))
        ((caption, (words, _)),) = wall.tiles(uid, "Callers waiting").items()
        assert caption.split(maxsplit=1)[1] == "+33 9 99 99 99 99"
        assert words.startswith("no number")
    finally:
        wall.account.miss(call.id, "abandoned_in_classic")
    eventually(lambda: "Nobody is waiting" in wall.tiles(uid, "Callers waiting"))
