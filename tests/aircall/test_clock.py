from math import floor

from hypothesis import given
from hypothesis import strategies as st

from exporter.aircall.clock import ServerClock

NOW = 1_780_000_000.0


@given(
    ahead=st.floats(-100_000, 100_000),
    answers=st.lists(st.tuples(st.floats(0.01, 100), st.floats(0, 0.5), st.floats(0, 0.5)), min_size=1),
)
def test_the_correction_is_within_a_second_and_the_way(
    ahead: float, answers: list[tuple[float, float, float]]
) -> None:
    clock, now = ServerClock(), NOW
    for pause, there, back in answers:
        now += pause
        clock.observe(floor(now + there + ahead), now, now + there + back)
    assert abs(clock.ahead - ahead) <= 1 + there + back + 1e-3


def test_clocks_that_may_well_agree_are_not_corrected() -> None:
    clock = ServerClock()
    assert not clock.known
    clock.observe(NOW, NOW + 0.4, NOW + 0.6)
    assert clock.known
    assert clock.ahead == 0


def test_a_clock_that_is_set_is_learned_anew() -> None:
    clock = ServerClock()
    clock.observe(NOW, NOW + 0.4, NOW + 0.6)
    for later in (10, 20, 30):
        assert clock.ahead == 0
        clock.observe(NOW + 300 + later, NOW + later + 0.4, NOW + later + 0.6)
    assert 299 < clock.ahead < 300


def test_one_server_of_three_with_a_clock_of_its_own_is_not_believed() -> None:
    clock = ServerClock()
    for later in range(0, 300, 10):
        wrong = 300 if later % 30 == 10 else 0
        clock.observe(NOW + later + wrong, NOW + later + 0.4, NOW + later + 0.6)
        assert clock.ahead == 0
