"""What is remembered of a label's key is what would be found out again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serialization.labels import KEY_LENGTH_MAX, is_sound_key, key_errors

KEYS = st.from_regex(r"([a-zA-Z0-9.-]{0,9}/){0,2}[-A-Za-z0-9_. ]{0,9}", fullmatch=True)


@given(KEYS | st.text(max_size=20))
def test_key_is_sound_when_nothing_is_wrong_with_it_remembered_or_not(key: str) -> None:
    assert [is_sound_key(key) for _ in range(2)] == [not key_errors(key)] * 2


@pytest.mark.parametrize(
    ("key", "sound"),
    [
        ("a" * 63, True),
        ("a" * 64, False),
        ("a." * 126 + "a/" + "b" * 63, True),
        ("a" * 254 + "/b", False),
        ("a" * (KEY_LENGTH_MAX + 1), False),
        ("a\n", False),
        ("", False),
    ],
)
def test_key_at_the_bounds_of_its_length_is_judged_as_before(key: str, sound: bool) -> None:
    assert is_sound_key(key) is sound
    assert (not key_errors(key)) is sound
