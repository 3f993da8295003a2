"""Pools of numbers: one owner each, drawn from the upper part first."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.apiserver.allocation.pool import ExhaustedError, Pool

NUMBERS = range(10, 30)
LOW = 4


def pool(seed: int = 1) -> Pool:
    return Pool(NUMBERS, LOW, Random(seed))


def test_pool_draws_the_upper_part_first_and_the_lower_at_last() -> None:
    numbers = pool()

    drawn = [numbers.draw(str(turn)) for turn in range(len(NUMBERS))]

    assert sorted(drawn) == list(NUMBERS)
    assert set(drawn[-LOW:]) == set(NUMBERS[:LOW])


def test_pool_that_has_nothing_left_says_so() -> None:
    numbers = pool()
    for turn in range(len(NUMBERS)):
        numbers.draw(str(turn))

    with pytest.raises(ExhaustedError):
        numbers.draw("late")


def test_pool_gives_the_same_numbers_for_the_same_seed() -> None:
    one, other = pool(5), pool(5)

    assert [one.draw("a") for _ in range(9)] == [other.draw("a") for _ in range(9)]


@pytest.mark.parametrize(
    ("stored", "pending", "asks", "granted"),
    [
        ("", "", "a", True),
        ("a", "", "a", True),
        ("b", "", "a", False),
        ("", "b", "a", False),
        ("", "a", "a", True),
        ("a", "a", "a", True),
    ],
)
def test_number_is_granted_to_who_has_it_or_when_nobody_has(
    stored: str, pending: str, asks: str, granted: bool
) -> None:
    numbers = pool()
    if stored:
        numbers.store((12,), stored)
    if pending:
        numbers.claim(12, pending)

    assert numbers.claim(12, asks) is granted


def test_released_number_is_free_unless_it_has_been_stored_meanwhile() -> None:
    numbers = pool()
    numbers.claim(12, "a")
    numbers.claim(13, "a")
    numbers.store((12,), "a")

    numbers.release((12, 13), "a")

    assert not numbers.claim(12, "b")
    assert numbers.claim(13, "b")


def test_number_that_another_has_by_now_is_not_taken_from_it() -> None:
    numbers = pool()
    numbers.store((12,), "a")
    numbers.store((12,), "b")

    numbers.unstore((12,), "a")

    assert not numbers.claim(12, "c")
    assert numbers.claim(12, "b")


@pytest.mark.slow
@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(("draw", "store", "release")))))
def test_number_never_has_two_owners(steps: list[tuple[str, str]]) -> None:
    numbers = pool()
    held: dict[str, list[int]] = {"a": [], "b": []}
    stored: dict[int, str] = {}
    for owner, step in steps:
        if step == "draw" and len(held["a"]) + len(held["b"]) + len(stored) < len(NUMBERS):
            number = numbers.draw(owner)
            assert number not in stored
            assert number not in held["a"] + held["b"]
            held[owner].append(number)
        elif step == "store":
            numbers.store(held[owner], owner)
            numbers.release(held[owner], owner)
            stored.update(dict.fromkeys(held[owner], owner))
            held[owner] = []
        elif step == "release":
            numbers.release(held[owner], owner)
            held[owner] = []

    for number in NUMBERS:
        taken = number in stored or number in held["a"] + held["b"]
        assert numbers.claim(number, "c") is not taken
