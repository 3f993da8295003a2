"""Expectations: counted creations, deletions by uid, expiry."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cluster.client.interface import ObjectKey
from cluster.controllers.expectations import EXPECTATION_TTL_NS, Expectations

KEY = ObjectKey("ns", "rc")


def test_nothing_expected_is_satisfied() -> None:
    assert Expectations().satisfied(KEY, 0)


def test_creations_are_counted_down() -> None:
    expectations = Expectations()
    expectations.expect_creations(KEY, 2, 0)

    expectations.creation_observed(KEY)
    after_one = expectations.satisfied(KEY, 0)
    expectations.creation_observed(KEY)

    assert (after_one, expectations.satisfied(KEY, 0)) == (False, True)


def test_deletion_seen_twice_counts_once() -> None:
    expectations = Expectations()
    expectations.expect_deletions(KEY, ["a", "b"], 0)

    expectations.deletion_observed(KEY, "a")
    expectations.deletion_observed(KEY, "a")
    after_one = expectations.satisfied(KEY, 0)
    expectations.deletion_observed(KEY, "b")

    assert (after_one, expectations.satisfied(KEY, 0)) == (False, True)


def test_expectations_expire_after_five_minutes() -> None:
    expectations = Expectations()
    expectations.expect_creations(KEY, 1, 10)

    assert not expectations.satisfied(KEY, 10 + EXPECTATION_TTL_NS)
    assert expectations.satisfied(KEY, 11 + EXPECTATION_TTL_NS)


def test_forgotten_key_is_satisfied_and_not_kept() -> None:
    expectations = Expectations()
    expectations.expect_creations(KEY, 1, 0)

    expectations.forget(KEY)

    assert expectations.satisfied(KEY, 0)
    assert len(expectations) == 0


@given(st.sets(st.text(min_size=1), min_size=1), st.lists(st.text(min_size=1)))
def test_deletions_are_satisfied_exactly_when_all_were_seen(
    expected: set[str], others: list[str]
) -> None:
    expectations = Expectations()
    expectations.expect_deletions(KEY, expected, 0)
    seen: set[str] = set()

    for uid in [*others, *sorted(expected), *others]:
        assert expectations.satisfied(KEY, 0) == (expected <= seen)
        expectations.deletion_observed(KEY, uid)
        seen.add(uid)

    assert expectations.satisfied(KEY, 0)


@given(st.integers(1, 500), st.lists(st.integers(1, 50)))
def test_creations_are_satisfied_exactly_when_counted_down(
    expected: int, observed: list[int]
) -> None:
    expectations = Expectations()
    expectations.expect_creations(KEY, expected, 0)

    for count in observed:
        expectations.creation_observed(KEY, count)
        expected -= count
        assert expectations.satisfied(KEY, 0) == (expected <= 0)
