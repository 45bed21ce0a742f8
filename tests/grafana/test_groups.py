"""Groups of the configuration on the wallboard. Their history is tested in test_teams_board."""

from collections import Counter

import pytest

from grafana.boards.palette import STATES
from harness.dashboards import panel
from tests.support.companies import teams
from tests.support.past import Past

WORDS = {sign.code: sign.text for sign in STATES}


@pytest.mark.parametrize("group", ["Desk", "By number"])
def test_wallboard_for_a_group_shows_its_members_and_their_states(past: Past, group: str) -> None:
    end = past.busy.scrapes[-1]
    view = past.view(past.busy, end - 900, end, team=group)
    members = teams(past.busy)[group]
    (target,) = panel("aircall-wallboard", "$team").targets
    assert {sample["metric"]["user_id"] for sample in view.ask(target)} == {str(user) for user in members}
    _, availabilities = past.busy.states[-1][-1]
    states = Counter(WORDS[availabilities[user]] for user in members)
    shown = view.tiles(panel("aircall-wallboard", "Users now"))
    assert {word: int(count) for word, (count, _) in shown.items() if count != "0"} == dict(states)
