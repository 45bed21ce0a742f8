"""Tests of the server clock: the time at Aircall if `Date`, this machine's clock and the calls disagree."""

from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.aircall.server_clock import (
    AGREEMENT_S,
    KEEP_S,
    MIN_CONFIRMATIONS,
    SETTLE_S,
    SLACK_S,
    ServerClock,
)
from tests.support.server_clocks import DAY, MINUTE, NOW, Setting

WRONG = [sign * size for size in (10 * MINUTE, DAY, 40 * DAY, 200 * DAY) for sign in (1, -1)]


@given(
    ahead=st.floats(-100_000, 100_000),
    responses=st.lists(
        st.tuples(st.floats(0.01, 100), st.floats(0, 0.5), st.floats(0, 0.5)), min_size=MIN_CONFIRMATIONS
    ),
)
def test_date_ahead_several_responses_is_within_a_second_and_the_latency(
    ahead: float, responses: list[tuple[float, float, float]]
) -> None:
    clock, now = ServerClock(), NOW
    for pause, there, back in responses:
        now += pause
        clock.observe(floor(now + there + ahead), now, now + there + back)
    assert clock.date_ahead is not None
    assert abs(clock.date_ahead - ahead) <= 1 + there + back + 1e-3


def test_ahead_clocks_that_may_agree_is_zero() -> None:
    clock = ServerClock()
    assert not clock.known
    clock.observe(NOW, NOW + 0.4, NOW + 0.6)
    assert clock.known
    assert clock.ahead == clock.date_ahead == 0


def test_date_ahead_after_the_clock_is_set_is_learned_again() -> None:
    setting = Setting()
    setting.receive()
    setting.date = 300
    setting.receive(MIN_CONFIRMATIONS + 1)
    assert setting.clock.date_ahead == 0
    setting.receive(count=2, pause=SETTLE_S)
    assert setting.clock.date_ahead == pytest.approx(300, abs=1)


def test_ahead_one_server_of_three_with_another_clock_ignores_it() -> None:
    setting = Setting(machine=-DAY)
    setting.receive(4, call=True)
    for position in range(300):
        setting.date = 300 if position % 3 == 1 else 0
        setting.receive(pause=10)
        assert abs(setting.error) <= 1


@pytest.mark.parametrize("wrong", WRONG)
def test_ahead_either_clock_wrong_from_the_start_is_right(wrong: float) -> None:
    for setting in (Setting(date=wrong), Setting(machine=wrong)):
        assert setting.clock.in_doubt
        setting.receive(MIN_CONFIRMATIONS, call=True)
        assert not setting.clock.in_doubt
        assert abs(setting.error) <= 1


@pytest.mark.parametrize("wrong", WRONG)
def test_ahead_either_clock_wrong_later_is_right(wrong: float) -> None:
    for clock in ("date", "machine"):
        setting = Setting()
        setting.receive(10, call=True)
        setattr(setting, clock, wrong)
        for _ in range(40):
            setting.receive(call=True)
            assert abs(setting.error) <= 1
        setattr(setting, clock, 0.0)
        for _ in range(10):
            setting.receive()
            assert abs(setting.error) <= 1


@pytest.mark.parametrize(
    ("machine", "date"),
    # If both clocks are ahead by the same time, they agree.
    [(machine, date) for machine in WRONG for date in WRONG if not machine == date > 0],
)
def test_ahead_date_wrong_for_a_minute_on_a_wrong_machine_is_right(machine: float, date: float) -> None:
    setting = Setting(machine=machine)
    setting.receive(10, call=True)
    setting.date = date
    for _ in range(12):
        setting.receive(call=True)
        assert abs(setting.error) <= 1


@pytest.mark.parametrize("ahead", [-AGREEMENT_S + 2, AGREEMENT_S - 2])
def test_ahead_clocks_that_differ_by_little_is_that_of_date(ahead: float) -> None:
    setting = Setting(machine=ahead)
    setting.receive()
    assert not setting.clock.in_doubt
    assert abs(setting.error) <= 1


def test_ahead_clocks_differ_without_a_call_is_the_earlier_clock() -> None:
    for setting in (Setting(date=-DAY), Setting(machine=-DAY)):
        setting.receive(MIN_CONFIRMATIONS)
        assert setting.clock.in_doubt
        setting.clock.newest_call_fetched()
        assert not setting.clock.in_doubt
        assert setting.error == pytest.approx(-DAY, abs=1)


def test_ahead_single_call_dated_in_the_future_is_right() -> None:
    setting = Setting()
    setting.receive(5)
    setting.clock.call_began(floor(setting.now + DAY), setting.now)
    setting.date = 2 * DAY
    setting.receive(10)
    assert abs(setting.error) <= 1


@pytest.mark.parametrize("clock", ["date", "machine"])
@pytest.mark.parametrize("wrong", WRONG)
@given(ahead=st.sets(st.floats(10 * MINUTE, 2 * DAY).map(floor), min_size=1, max_size=5))
def test_ahead_calls_dated_in_the_future_and_a_wrong_clock_is_right(
    clock: str, wrong: float, ahead: set[int]
) -> None:
    setting = Setting()
    future = {floor(NOW) + seconds for seconds in ahead}

    def receive(call: bool = False) -> None:
        for _ in range(10):
            setting.clock.calls_began(future, setting.steady)
            setting.receive(call=call)
            assert abs(setting.error) <= 1

    receive(call=True)
    setattr(setting, clock, wrong)
    receive()
    receive()
    setattr(setting, clock, 0.0)
    receive()


@pytest.mark.parametrize(
    ("clock", "ahead"),
    [
        *(("date", ahead) for ahead in (11 * MINUTE, DAY / 2, DAY - MINUTE, DAY)),
        *(("machine", ahead) for ahead in (11 * MINUTE, DAY / 2)),  # a later one may have begun just now
    ],
)
def test_ahead_a_call_dated_in_the_future_while_a_clock_is_wrong_is_right(clock: str, ahead: float) -> None:
    setting = Setting()
    setting.receive(10, call=True)
    setattr(setting, clock, DAY)
    for _ in range(20):
        setting.clock.call_began(floor(NOW + ahead), setting.steady)
        setting.receive()
        assert abs(setting.error) <= 1
    setattr(setting, clock, 0.0)
    setting.receive(10)
    assert abs(setting.error) <= 1


@pytest.mark.parametrize("clock", ["date", "machine"])
def test_ahead_a_clock_wrong_from_the_start_is_right_after_three_older_calls(clock: str) -> None:
    for calls, error in ((1, -DAY), (2, -DAY), (3, 0)):
        setting = Setting(**{clock: -DAY})
        setting.receive(MIN_CONFIRMATIONS)
        setting.clock.calls_began(
            [floor(setting.now - 3600 * hours) for hours in range(1, calls + 1)], setting.steady
        )
        assert setting.error == pytest.approx(error, abs=1)


def test_ahead_a_call_dated_in_the_future_and_date_wrong_from_the_start_is_right() -> None:
    setting = Setting(date=DAY)
    calls = [floor(NOW + hours * 3600) for hours in (-3, -2, -1, 12)]
    for _ in range(10):
        setting.clock.calls_began(calls, setting.steady)
        setting.receive()
        assert abs(setting.error) <= 1


def test_ahead_aircalls_clock_set_ahead_is_followed_after_three_calls() -> None:
    setting = Setting()
    setting.receive(10, call=True)
    setting.now += 10 * MINUTE
    setting.machine = setting._steady_error = -10 * MINUTE
    setting.receive(2, call=True)
    assert setting.error == pytest.approx(-10 * MINUTE, abs=1)
    setting.receive(2, call=True)
    assert abs(setting.error) <= 1


def test_ahead_a_later_call_contradicts_an_old_one_follows_the_later() -> None:
    setting = Setting(machine=-MINUTE)
    setting.receive(5, call=True)
    assert abs(setting.error) <= 1
    setting.date = setting.date - 10 * MINUTE  # Aircall's clock, with the calls
    setting.receive(MIN_CONFIRMATIONS, pause=KEEP_S)
    setting.clock.call_began(floor(setting.now - 10 * MINUTE), setting.steady)
    assert setting.error == pytest.approx(-10 * MINUTE, abs=SLACK_S)


def test_confirmed_ahead_too_few_responses_is_none() -> None:
    setting = Setting()
    setting.receive(MIN_CONFIRMATIONS - 1)
    assert setting.clock.confirmed_ahead is None
    setting.receive()
    assert setting.clock.confirmed_ahead == 0
