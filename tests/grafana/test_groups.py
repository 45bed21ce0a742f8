"""Groups of the configuration on the wallboard. Their history is tested in test_teams_board."""

from collections import Counter

import pytest

from grafana.boards.palette import WALL_STATES
from harness.dashboards import panel, rows_panel
from tests.support.companies import teams
from tests.support.past import Past

WORDS = {style.code: style.text for style in WALL_STATES}


@pytest.mark.parametrize("group", ["Desk", "By number"])
def test_wallboard_for_a_group_shows_its_members_and_their_states(past: Past, group: str) -> None:
    end = past.busy.scrapes[-1]
    view = past.view(past.busy, end - 900, end, team=group)
    members = teams(past.busy)[group]
    rows = view.rows(rows_panel("aircall-wallboard"))
    assert {row["user_id"] for row in rows if "user_id" in row} == {str(user) for user in members}
    availabilities = [states for at, states in past.busy.states[-1] if at <= end][-1]
    states = Counter(WORDS[availabilities[user]] for user in members)
    tiles = view.tiles(panel("aircall-wallboard", "Users now"))
    assert {word: int(count) for word, (count, _) in tiles.items() if count != "0"} == dict(states)
