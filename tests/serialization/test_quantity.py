"""Quantities: exact values, canonical text, errors in Kubernetes' words."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serialization import quantity
from serialization.quantity import QuantityError
from tests.serialization.strategies import QUANTITIES

LARGE = {
    "1000000000000000000000": "1",  # there is no suffix for 10**21; Kubernetes answers this
    "1000000000000000000": "1E",
    "100000000000000000000": "100E",
    "1e21": "1e21",
    "123e30": "123e30",
    "5Ei": "5Ei",
    "9Ei": "9223372036854775807",
    "8Ei": "9223372036854775807",
    "7.9Ei": "9108079886394091110400m",
}


@pytest.mark.parametrize(("sent", "answered"), [*QUANTITIES.items(), *LARGE.items()])
def test_canonical_is_what_kubernetes_answered(sent: str, answered: str) -> None:
    assert quantity.canonical(sent) == answered
    assert quantity.canonical(answered) == answered


@pytest.mark.parametrize(
    "text",
    ["", "abc", "1 Gi", "1gi", "1KB", "0x10", "1.5.5", "Infinity", "NaN", "true", " 1", "1,5", "٣"],
)
def test_text_that_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(QuantityError, match="quantities must match the regular expression"):
        quantity.canonical(text)


@pytest.mark.parametrize("text", ["--1", "1e", "1Mi1", "1KiKi", "1ee3", "1e99999999", "5mm"])
def test_suffix_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(QuantityError, match="unable to parse quantity's suffix"):
        quantity.canonical(text)


@pytest.mark.parametrize(
    ("text", "milli", "whole"),
    [
        ("", 0, 0),
        ("0", 0, 0),
        ("100m", 100, 1),
        ("1500m", 1500, 2),
        ("-1500m", -1500, -2),
        ("2", 2000, 2),
        ("0.5", 500, 1),
        ("1n", 1, 1),
        ("1Ki", 1024000, 1024),
        ("1.5Gi", 1536 * 1024 * 1024 * 1000, 1536 * 1024 * 1024),
        ("2e3", 2000000, 2000),
        ("10M", 10**10, 10**7),
    ],
)
def test_values_round_away_from_zero(text: str, milli: int, whole: int) -> None:
    assert quantity.milli_value(text) == milli
    assert quantity.value(text) == whole


def test_quantities_compare_by_value() -> None:
    assert quantity.compare("1000m", "1") == 0
    assert quantity.compare("1Ki", "1k") == 1
    assert quantity.compare("", "1n") == -1


_SUFFIXES = {
    "": Fraction(1),
    "m": Fraction(1, 1000),
    "u": Fraction(1, 10**6),
    "k": Fraction(10**3),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
    "Ki": Fraction(2**10),
    "Mi": Fraction(2**20),
    "Gi": Fraction(2**30),
    "e3": Fraction(1000),
    "E-2": Fraction(1, 100),
}


@settings(derandomize=True, deadline=None)
@given(
    st.sampled_from(("", "+", "-")),
    st.integers(0, 10**6),
    st.text("0123456789", max_size=3),
    st.sampled_from(sorted(_SUFFIXES)),
)
def test_value_is_exact_and_survives_canonical_text(
    sign: str, whole: int, fraction: str, suffix: str
) -> None:
    text = f"{sign}{whole}.{fraction}{suffix}" if fraction else f"{sign}{whole}{suffix}"
    exact = Fraction(f"{whole}.{fraction or '0'}") * _SUFFIXES[suffix] * 10**9

    nanos = quantity.nano_value(text)

    assert nanos == (-exact if sign == "-" else exact)
    written = quantity.canonical(text)
    assert quantity.nano_value(written) == nanos
    assert quantity.canonical(written) == written


@given(st.integers(-(10**15), 10**15))
@settings(derandomize=True)
def test_numbers_are_written_as_quantities(number: int) -> None:
    assert quantity.milli_value(quantity.from_milli(number)) == number
    assert quantity.value(quantity.from_bytes(number)) == number


def test_bytes_are_written_with_binary_suffixes() -> None:
    assert quantity.from_bytes(2**30) == "1Gi"
    assert quantity.from_bytes(1000) == "1k"
    assert quantity.from_bytes(1536 * 1024) == "1536Ki"
    assert quantity.from_milli(1500) == "1500m"


@given(st.text("0123456789.eEinumkKMGTP+-", max_size=40))
def test_value_is_the_same_whether_it_was_remembered_or_not(text: str) -> None:
    """Short texts are read once, long ones each time; both as by the exact way."""
    try:
        expected = quantity.parse_exact(text).nanos if text else 0
    except QuantityError:
        for _ in range(2):
            with pytest.raises(QuantityError):
                quantity.nano_value(text)
    else:
        assert [quantity.nano_value(text) for _ in range(2)] == [expected] * 2
