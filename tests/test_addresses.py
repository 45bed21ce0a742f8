"""Test which host names are valid."""

from hypothesis import example, given
from hypothesis import strategies as st

from exporter.addresses import is_host


@example("api.aircall.io")
@example("a..b")
@given(st.text(st.sampled_from("ab1é-_.") | st.characters(codec="utf-8"), max_size=80))
def test_is_host_of_any_text_is_true_only_if_it_can_be_looked_up(text: str) -> None:
    if is_host(text):
        text.encode("idna")  # getaddrinfo does that, and raises UnicodeError
