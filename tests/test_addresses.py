"""Test the validity of host names, and the networks of clients."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.addresses import client_network, is_host


@example("api.aircall.io")
@example("a..b")
@given(st.text(st.sampled_from("ab1é-_.") | st.characters(codec="utf-8"), max_size=80))
def test_is_host_of_any_text_is_true_only_if_it_can_be_looked_up(text: str) -> None:
    if is_host(text):
        text.encode("idna")  # getaddrinfo does that, and raises UnicodeError


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_client_network_returns_the_address_or_its_ipv6_prefix(address: str, client: str) -> None:
    assert client_network(address) == client
