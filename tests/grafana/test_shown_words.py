"""The texts of panels, and the panel that a click on a call opens."""

import re

from harness.dashboards import panel, shown


def test_live_callers_are_marked_in_words_at_the_thresholds() -> None:
    live = panel("aircall-wallboard", "Callers, live")
    marks = [shown(live.settings("byName", "level"), level)[0].strip() for level in (0.0, 1.0, 2.0)]
    assert marks == ["", "!", "‼"]


def test_live_panel_without_callers_shows_its_text() -> None:
    live = panel("aircall-wallboard", "Callers, live")
    assert live.defaults["noValue"] == "No caller in the live stream"
    assert "value" in live.model["options"]["textMode"]  # only the value has this text
    assert live.settings("byName", "number")["noValue"] == "no number"


def test_start_of_a_call_opens_the_panel_with_its_journey() -> None:
    (link,) = panel("aircall-calls", "Calls").settings("byName", "Started")["links"]
    opened = re.search(r"&viewPanel=panel-(\d+)$", link["url"])
    assert opened
    assert panel("aircall-calls", "Journey of the chosen call").model["id"] == int(opened[1])
