"""Keys and values of a load."""

from __future__ import annotations

import random
from itertools import islice

import pytest

from bench.storebench.workload import Held, Values, key_of, shares, stamp_of


def _keys(count: int) -> list[Held]:
    return [Held(key_of(b"/p/", number)) for number in range(count)]


@pytest.mark.parametrize("callers", [1, 3, 7])
def test_no_key_is_two_callers(callers: int) -> None:
    held = _keys(20)

    found = [set(islice((each.key for each in own), 20)) for own in shares(held, callers, _seed())]

    assert sorted(key for own in found for key in own) == [each.key for each in held]


def test_callers_beyond_the_keys_share_all_of_them() -> None:
    held = _keys(2)

    found = [set(islice(own, 2)) for own in shares(held, 3, _seed())]

    assert found == [set(held)] * 3


def test_values_have_their_length_and_carry_their_stamp() -> None:
    values = Values(64, _seed())

    made = values.at(123)

    assert len(made) == 64
    assert stamp_of(made) == 123
    assert values.at(124) != made


def _seed() -> random.Random:
    return random.Random(7)
