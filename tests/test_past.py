"""What is left to read of the past: exactly the seconds that were left out and not read since."""

from hypothesis import given
from hypothesis import strategies as st

from exporter.past import Past

stretches = st.tuples(st.integers(0, 60), st.integers(0, 20)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def seconds(gaps: tuple[tuple[int, int], ...]) -> list[int]:
    return [second for since, until in gaps for second in range(since, until + 1)]


@given(st.lists(st.tuples(st.booleans(), stretches), max_size=12))
def test_gaps_are_the_seconds_left_to_read_each_once_and_latest_first(steps: list) -> None:
    past, left = Past(), set()
    for is_read, (since, until) in steps:
        stretch = set(range(since, until + 1))
        if is_read:
            past.read(since, until)
            left -= stretch
        else:
            past.begun(until + 1, (since, until))
            past.polled()
            left |= stretch
        assert sorted(seconds(past.gaps)) == sorted(left)
        assert past.gaps == tuple(sorted(past.gaps, reverse=True))
        assert all(until + 1 < since for (since, _), (_, until) in zip(past.gaps, past.gaps[1:], strict=False))
