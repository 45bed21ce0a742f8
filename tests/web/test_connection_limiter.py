"""The choice of the connection that is closed."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from exporter.web.connection_limiter import first_to_close


@dataclass(eq=False)
class Client:
    """A connection as `first_to_close` sees it."""

    network: str
    authenticated: bool
    standing: int
    unsent: int
    unfinished: bool = False

    def abort(self) -> None:
        raise AssertionError("first_to_close closes nothing")


CLIENTS = st.builds(Client, st.sampled_from("abc"), st.booleans(), st.integers(0, 2), st.integers(0, 9))


@given(st.lists(CLIENTS, min_size=1, max_size=12), st.booleans())
def test_first_to_close_is_unauthenticated_and_of_the_largest_network(
    connections: list[Client], by_bytes: bool
) -> None:
    def weight(each: Client) -> int:
        return each.unsent if by_bytes else 1

    def total(network: str) -> int:
        return sum(weight(each) for each in rivals if each.network == network)

    closed = first_to_close(connections, weight)
    rivals = [each for each in connections if each.authenticated == closed.authenticated]
    assert not closed.authenticated or len(rivals) == len(connections)
    assert all(total(each.network) <= total(closed.network) for each in rivals)
    equals = [each for each in rivals if total(each.network) == total(closed.network)]
    assert closed.standing == min(each.standing for each in equals)
    assert closed is next(each for each in equals if each.standing == closed.standing)
