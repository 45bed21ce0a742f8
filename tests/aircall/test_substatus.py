"""Tests of the spelling of substatuses."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.aircall.substatus import MAX_LENGTH, SUBSTATUSES, normalised
from harness.substatuses import NORMALISED


def test_normalised_every_spelling_of_aircall_is_a_known_substatus() -> None:
    assert {text: normalised(text) for text in NORMALISED} == NORMALISED
    assert set(NORMALISED.values()) == set(SUBSTATUSES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Home-office: until 3 p.m.! ", "home_office_until_3_p_m"),
        ("ALWAYS  OPENED", "always_open"),
        ("__Doing__back__office__", "back_office"),
        ("Pause déjeuner", "pause_déjeuner"),
        ("ΕΚΤΟΣ ΓΡΑΦΕΙΟΥ", "εκτος_γραφειου"),
        ("दोपहर का भोजन", "दोपहर_का_भोजन"),
        ("昼休み", "昼休み"),
        ("Ｂａｃｋ\u3000Ｏｆｆｉｃｅ", "back_office"),
        ("Cafe\u0301", "café"),
        ("☕", ""),
        ("", ""),
        ("x" * 300, "x" * MAX_LENGTH),
        ("x" * (MAX_LENGTH - 1) + " y", "x" * (MAX_LENGTH - 1)),
    ],
)
def test_normalised_any_other_text_has_the_same_style(text: str, expected: str) -> None:
    assert normalised(text) == expected


@given(st.text(st.characters(exclude_categories=()), max_size=200) | st.sampled_from([*NORMALISED]))
@example("\ufdfa" * 100)
@example("İSTANBUL")
def test_normalised_any_text_is_idempotent_and_has_only_characters_of_the_style(text: str) -> None:
    once = normalised(text)
    assert normalised(once) == once
    assert len(once) <= MAX_LENGTH
    assert once == once.lower()
    assert once == once.strip("_")
    assert "__" not in once
    assert {unicodedata.category(char)[0] for char in once.replace("_", "")} <= set("LMN")
