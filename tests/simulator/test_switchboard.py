"""Tests of the changes that a test makes on a simulated account."""

import pytest

from exporter.simulator.simulation import SimulatedAccount

START = 1_780_000_020


@pytest.fixture
def user(account):
    user = account.users[456_001]
    user.wrap_up_time = 30
    return user


@pytest.fixture
def number(account):
    return next(iter(account.numbers.values()))


def test_account_without_calls_per_hour_stays_unchanged(account):
    account.advance(START + 86_400)
    assert not account.calls
    assert {account.availability(user_id) for user_id in account.users} == {"available"}


def test_advance_to_an_earlier_time_changes_nothing(account):
    account.advance(START + 10)
    account.advance(START)
    assert account.now == START + 10


def test_inbound_call_from_ringing_to_done_changes_the_availability(account, user, number):
    call = account.ring_in(number.id, "+33 6 39 98 00 01", at=START + 1.9)
    assert (call.status, call.user, call.started_at) == ("initial", None, START + 1)
    assert account.availability(user.id) == "available"

    account.answer(call.id, user.id, at=START + 9)
    assert (call.status, call.user_id, call.answered_at) == ("answered", user.id, START + 9)
    assert account.availability(user.id) == "in_call"

    account.hang_up(call.id, at=START + 100)
    assert (call.status, call.ended_at, call.duration) == ("done", START + 100, 99)
    assert account.availability(user.id) == "after_call_work"
    account.advance(START + 130)
    assert account.availability(user.id) == "available"
    assert account.calls == {call.id: call}


def test_outbound_call_not_answered_has_no_missed_reason(account, user, number):
    call = account.dial(user.id, number.id, "+33 6 39 98 00 02", at=START)
    assert (call.direction, call.status, call.user_id) == ("outbound", "initial", user.id)
    assert account.availability(user.id) == "in_call"
    account.hang_up(call.id, at=START + 25)
    assert (call.status, call.answered_at, call.missed_call_reason) == ("done", None, None)


def test_outbound_call_answered_keeps_its_user(account, user):
    call = account.dial(user.id, None, "+33 6 39 98 00 02", at=START)
    account.answer(call.id, call.user_id, at=START + 5)
    assert (call.status, call.user_id, call.number) == ("answered", user.id, None)


def test_miss_with_a_reason_and_voicemail_ends_the_call_with_them(account, number):
    call = account.ring_in(number.id, "anonymous", at=START)
    account.miss(call.id, "no_available_agent", at=START + 40, voicemail=True)
    assert (call.status, call.user, call.answered_at) == ("done", None, None)
    assert (call.missed_call_reason, call.voicemail) == ("no_available_agent", True)


def test_transfer_to_another_user_frees_the_first_and_occupies_the_other(account, user, number):
    other = account.users[456_002]
    call = account.ring_in(number.id, "anonymous", at=START)
    account.answer(call.id, user.id, at=START + 5)
    account.transfer(call.id, other.id, at=START + 60)
    assert (call.transferred_by, call.transferred_to, call.user) == (user, other, other)
    assert account.availability(user.id) == "after_call_work"
    assert account.availability(other.id) == "in_call"


def test_ring_in_before_now_is_in_chronological_order(account, number):
    later = account.ring_in(number.id, "anonymous", at=START)
    earlier = account.ring_in(number.id, "anonymous", at=START - 3600)
    assert account.now == START
    assert account.calls.chronological == [earlier, later]


def test_schedule_in_the_future_runs_at_its_time(account, number):
    account.schedule(START + 10, lambda: account.ring_in(number.id, "anonymous"))
    account.advance(START + 9)
    assert not account.calls
    account.advance(START + 11)
    assert [call.started_at for call in account.calls.values()] == [START + 10]


def test_set_availability_during_a_call_applies_after_it(account, user):
    call = account.dial(user.id, None, "anonymous", at=START)
    account.set_availability(user.id, "offline", at=START + 1)
    assert account.availability(user.id) == "in_call"
    user.wrap_up_time = 0
    account.hang_up(call.id, at=START + 2)
    assert account.availability(user.id) == "offline"


def test_set_availability_unknown_state_is_set(account, user):
    account.set_availability(user.id, "on_the_moon")
    assert account.availability(user.id) == "on_the_moon"


def test_call_impossible_step_raises_an_error(account, user, number):
    call = account.ring_in(number.id, "anonymous", at=START)
    with pytest.raises(ValueError, match="nothing to hang up"):
        account.hang_up(call.id)
    with pytest.raises(ValueError, match="follow each other"):
        account.answer(call.id, None, at=START - 1)
    account.answer(call.id, user.id)
    with pytest.raises(ValueError, match=f"user {user.id} is in call {call.id}"):
        account.dial(user.id, None, "anonymous")
    with pytest.raises(ValueError, match="is answered, not initial"):
        account.miss(call.id, "short_abandoned")
    with pytest.raises(KeyError):
        account.answer(1, user.id)


def test_user_added_and_removed_changes_teams_and_numbers(account, number):
    team = next(iter(account.teams.values()))
    added = account.add_user("Nour Haddad", team_ids=[team.id], number_ids=[number.id])
    assert added.id in team.user_ids
    assert added.id in account.assigned(number.id)
    assert account.numbers_of(added.id) == [number]
    account.remove_user(added.id)
    assert added.id not in account.users.keys() | team.user_ids | account.assigned(number.id)


@pytest.mark.parametrize(
    ("users", "teams", "numbers"), [(0, 0, 0), (1, 1, 1), (24, 4, 6), (300, 25, 19), (10_000, 834, 625)]
)
def test_account_of_any_size_has_distinct_names_and_digits(users, teams, numbers):
    account = SimulatedAccount(users=users, calls_per_hour=0)
    assert (len(account.users), len(account.teams), len(account.numbers)) == (users, teams, numbers)
    for group in (account.teams, account.numbers):
        assert len({thing.name for thing in group.values()}) == len(group)
        assert all(thing.user_ids <= account.users.keys() for thing in group.values())
    assert len({number.digits for number in account.numbers.values()}) == numbers


def test_account_by_default_includes_unusual_names_and_teams(account):
    names = [user.name for user in account.users.values()]
    teams_of = [sum(id_ in team.user_ids for team in account.teams.values()) for id_ in account.users]
    assert len(set(names)) == 23
    assert '"' in "".join(names)
    assert any("\u0600" <= character <= "\u06ff" for character in "".join(names))
    assert any(ord(character) > 0xFFFF for character in "".join(names))
    assert (teams_of.count(0), teams_of.count(2)) == (1, 3)
    assert sum(len(account.numbers_of(id_)) > 1 for id_ in account.users) > 12


def test_listeners_after_changes_of_users_and_calls_receive_their_events(account, number):
    events = []
    account.listeners.append(lambda change: events.append(change.event))
    added = account.add_user("Ada Lovelace", number_ids=[number.id])
    account.remove_user(added.id)
    call = account.ring_in(number.id, "anonymous")
    account.miss(call.id, "short_abandoned")
    account.tag(call.id, "VIP")
    account.untag(call.id, "VIP")
    account.archive(call.id)
    account.close_number(number.id)
    account.close_number(number.id)
    account.open_number(number.id)
    line = account.add_number("Hotline", "+33 1 00 00 00 00", "FR", "Europe/Paris")
    account.remove_number(line.id)
    assert (call.tags, call.archived) == ([], True)
    assert events == [
        "user.created.v2",
        "user.deleted.v2",
        "call.created",
        "call.hungup",
        "call.tagged",
        "call.untagged",
        "call.archived",
        "number.closed",
        "number.opened",
        "number.created",
        "number.deleted",
    ]


def test_number_opened_or_closed_by_an_administrator_ignores_its_opening_hours(account, number):
    number.opening = (8, 18)
    assert number.availability_status == "custom"
    account.close_number(number.id)
    account.open_number(number.id, by_hours=True)
    assert (number.is_open, number.availability_status) == (False, "closed")
    account.open_number(number.id)
    assert (number.is_open, number.availability_status) == (True, "open")
