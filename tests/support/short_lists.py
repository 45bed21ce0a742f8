"""Answers of Aircall that leave out objects of a list, or members."""

from collections.abc import Callable
from typing import Any

from exporter.simulator import faults
from exporter.simulator.faults import Fault
from harness.scrape import Scrape
from tests.support.request_log import at_path

LISTS = ("/v1/teams", "/v1/numbers", "/v2/users", "/v1/users/availabilities")
INFO = (
    "aircall_user_info",
    "aircall_user_team_info",
    "aircall_user_number_info",
    "aircall_number_info",
)

CONFIRMED = 600
"""Seconds after which a removal of many objects is applied at the latest, including the fetch itself."""

Change = Callable[[Any], object]


def shown(scrape: Scrape) -> dict[str, object]:
    """Return the names, memberships and assignments, and which users have a state."""
    found: dict[str, object] = {name: scrape.all(name).keys() for name in INFO}
    return found | {"users": scrape.labels("aircall_user_availability_code", "user_id")}


def without_objects(content: Any) -> None:
    for key in ("users", "teams", "numbers"):
        if key in content:
            content[key] = []
    content["meta"] |= {"total": 0, "count": 0, "next_page_link": None}


def without_objects_but_with_a_total(content: Any) -> None:
    total = content["meta"]["total"]
    without_objects(content)
    content["meta"]["total"] = total


def half(content: Any) -> None:
    for key in ("users", "teams", "numbers"):
        if key in content:
            content[key] = content[key][::2] if len(content[key]) > 1 else []
    content["meta"]["total"] = None


def without_members(content: Any) -> None:
    for team in content.get("teams", ()):
        team["users"] = []


def without_one_teams_members(content: Any) -> None:
    largest = max(content["teams"], key=lambda team: len(team["users"]))
    largest["users"] = []


def without_assigned_users(content: Any) -> None:
    content["number"]["users"] = []


def without_numbers(content: Any) -> None:
    content["numbers"] = []
    content["meta"]["total"] = 0


def fault(change: Change, *paths: str) -> Fault:
    return Fault(lambda path: any(path.startswith(start) for start in paths), faults.edited(change))


def lists_only(change: Change) -> Fault:
    return Fault(lambda path: path in LISTS, faults.edited(change))


GLITCHES = {
    "empty lists": lists_only(without_objects),
    "empty lists with a total": lists_only(without_objects_but_with_a_total),
    "half of each list": lists_only(half),
    "teams without users": fault(without_members, "/v1/teams"),
    "one team without users": fault(without_one_teams_members, "/v1/teams"),
    "numbers without users": fault(without_assigned_users, "/v1/numbers/"),
    **{
        f"no {path.rpartition('/')[2]}": Fault(at_path(path), faults.edited(without_objects))
        for path in LISTS
    },
}
