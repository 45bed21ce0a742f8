"""The substatuses of users: how fresh they are, and that they belong to the user's present state."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.account.presence import STATES, Presence, State
from exporter.aircall.substatus import ALWAYS_OPEN
from exporter.simulator.faults import Fault, edited
from exporter.simulator.simulation import SimulatedAccount
from harness.simulated_time import NOON, Polled, SimulatedTime, polled
from harness.substatuses import NORMALISED

MINUTE = 60 + 15
"""Seconds within which a substatus is fetched, including a poll of datasets that are due first."""


def shown(world: Polled) -> dict[str, set[str]]:
    """Return the substatuses by user id."""
    substatuses: dict[str, set[str]] = {}
    for labels, value in world.scrape().all("aircall_user_substatus").items():
        assert value == 1
        substatuses.setdefault(dict(labels)["user_id"], set()).add(dict(labels)["substatus"])
    return substatuses


@pytest.fixture
def user_id(world: Polled) -> int:
    return next(id_ for id_, user in world.account.users.items() if user.availability_status != "custom")


def test_substatus_of_an_away_user_is_exposed(world: Polled, user_id: int) -> None:
    world.live(MINUTE)
    assert shown(world)[str(user_id)] == {ALWAYS_OPEN}
    next_year = {"A reason of Aircall's next year": "a_reason_of_aircall_s_next_year"}
    for text, reason in (NORMALISED | next_year).items():
        if reason != ALWAYS_OPEN:
            world.account.set_availability(user_id, "do_not_disturb", substatus=text)
            world.live(MINUTE)
            assert shown(world)[str(user_id)] == {reason}
    teams = [team.name for team in world.account.teams.values() if user_id in team.user_ids]
    assert world.scrape().labels("aircall_user_substatus", "team", user_id=user_id) == set(teams)
    world.account.switch(user_id, "unavailable")
    world.live(MINUTE)
    assert shown(world)[str(user_id)] == {"always_closed"}


def test_substatus_after_its_state_ended_is_hidden_until_the_next_fetch(world: Polled, user_id: int) -> None:
    account = world.account
    account.set_availability(user_id, "do_not_disturb", substatus="Out for lunch")
    world.live(MINUTE)
    as_of = world.poller.status().datasets["substatuses"].as_of
    account.set_availability(user_id, "available")
    world.poll()
    assert str(user_id) not in shown(world)
    account.set_availability(user_id, "do_not_disturb", substatus="in_training")
    world.poll()
    assert str(user_id) not in shown(world)
    assert world.poller.status().datasets["substatuses"].as_of == as_of
    world.live(MINUTE)
    assert shown(world)[str(user_id)] == {"in_training"}


def test_substatus_during_a_call_stays_the_same(world: Polled, user_id: int) -> None:
    world.live(MINUTE)
    world.account.dial(user_id, None, "+33 1 22 33 44 55")
    world.poll()
    assert world.scrape().value("aircall_user_availability_code", user_id=user_id) == 3
    assert shown(world)[str(user_id)] == {ALWAYS_OPEN}


def test_dataset_age_of_substatuses_stays_within_its_interval(world: Polled) -> None:
    world.live(MINUTE)
    assert world.scrape().value("aircall_poll_interval_seconds", dataset="substatuses") == 60
    ages = []
    for _ in range(30):
        world.live(10)
        ages.append(world.scrape().number("aircall_dataset_age_seconds", dataset="substatuses"))
    assert 0 < max(ages) <= MINUTE


def test_substatus_api_without_version_2_has_no_series(account: SimulatedAccount) -> None:
    with polled(account, served={"v2": False}) as world:
        world.live_until_complete()
        assert shown(world) == {}
        assert world.scrape().value("aircall_polls_total", dataset="substatuses", result="success") == 1


def test_substatus_of_one_user_malformed_is_missing_for_that_user_only(account: SimulatedAccount) -> None:
    broken = min(account.users)

    def spoil(content: dict[str, list[dict[str, object]]]) -> None:
        for user in content.get("users", ()):
            if user["id"] == broken:
                user["substatus"] = {"reason": 3}

    account.set_availability(max(account.users), "do_not_disturb", substatus="Back office")
    with polled(
        account, served={"faults": [Fault(lambda path: path == "/v2/users", edited(spoil))]}
    ) as world:
        world.live_until_complete()
        assert shown(world)[str(max(account.users))] == {"back_office"}
        assert str(broken) not in shown(world)
        assert str(broken) in world.scrape().labels("aircall_user_info", "user_id")
        assert world.scrape().value("aircall_malformed_objects_total", kind="user") == 1


def test_substatus_of_a_busy_company_equals_the_account() -> None:
    account = SimulatedAccount(users=24, calls_per_hour=300, seed=2, start=NOON)
    reasons: set[str | None] = set()
    with polled(account) as world:
        world.live_until_complete()
        for _ in range(6):
            world.live(600)
            world.aircall.clock = SimulatedTime(world.time.now)  # the account stands still
            world.live(MINUTE)
            world.aircall.clock = world.time
            for user_id, substatuses in shown(world).items():
                user = account.users[int(user_id)]
                assert substatuses == {NORMALISED[user.substatus]}
            away = {
                str(id_): user.substatus
                for id_, user in account.users.items()
                if account.availability(id_) == "do_not_disturb" and user.availability_status != "custom"
            }
            assert away.keys() <= shown(world).keys()
            reasons |= set(away.values())
    assert {"on_a_break", "back_office"} <= reasons


@given(
    st.lists(
        st.tuples(
            st.floats(0, 100),
            st.sampled_from([*STATES, ALWAYS_OPEN, "always_closed", "Out for lunch", None]),
        )
    )
)
def test_presence_any_readings_have_a_substatus_of_the_state(
    readings: list[tuple[float, str | None]],
) -> None:
    presence = Presence("unknown", 0.0, 0.0)
    for at, word in readings:
        state: State | None = next((state for state in STATES if state == word), None)
        if state is not None:
            presence.observe(state, at, stale_after=60)
        else:
            presence.set_substatus(word, at)
        if presence.substatus is not None:
            assert (presence.state == "available") <= (presence.substatus == ALWAYS_OPEN)
            assert (presence.state == "do_not_disturb") <= (presence.substatus != ALWAYS_OPEN)
