"""Excluded users appear on no board and in no figure of users and teams; sums still include their calls."""

from exporter.simulator.simulation import SimulatedAccount
from harness.expected_counts import counted, to_be_counted
from harness.scrape import Scrape
from harness.simulated_time import NOON, polled


def named(scrape: Scrape, user: int) -> set[str]:
    """Return the families with a series of the user."""
    return {name for name in scrape.samples if scrape.all(name, user_id=user)}


def test_excluded_users_have_no_series_and_their_calls_count_for_numbers_and_others() -> None:
    account = SimulatedAccount(users=12, calls_per_hour=300, seed=6, start=NOON, history=0)
    by_name, by_id, by_email, *_ = account.users.values()
    excluded = (by_name.name, by_id.id, by_email.email)
    namesakes = {user.id for user in account.users.values() if user.name == by_name.name}
    with polled(account, exclude_users=excluded) as world:
        world.live_until_complete()
        world.live(1800)
        world.freeze()
        scrape = world.scrape()
    gone = namesakes | {by_id.id, by_email.id}
    left = account.users.keys() - gone
    assert [user for user in account.users if named(scrape, user)] == sorted(left)
    teams = {str(team.id): team.user_ids & left for team in account.teams.values()}
    for team, members in teams.items():
        assert scrape.sum("aircall_team_users", team_id=team) == len(members)
        answered = [
            c for c in account.calls.values() if c.user_id in members and c.ended_at and c.answered_at
        ]
        labels = {"team_id": team, "period": "today", "outcome": "answered"}
        assert scrape.sum("aircall_team_period_calls", **labels) == len(answered)
    for number in account.numbers.values():
        assert scrape.sum("aircall_number_users", number_id=number.id) == len(number.user_ids & left)
    counts, expected = counted(scrape), to_be_counted(account)
    for family in ("missed", "answer", "talk"):
        assert counts[family] == expected[family]
    by_excluded = sum(n for (user, *_), n in expected["calls"].items() if user in map(str, gone))
    others = sum(n for (user, *_), n in counts["calls"].items() if user == "others")
    assert by_excluded == others > 0
    assert counts["calls"].total() == expected["calls"].total()
