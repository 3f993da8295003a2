"""Addresses: which are sound, and which can be reached from elsewhere."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.apiserver.resources.addresses import (
    address_errors,
    block_errors,
    reachable_address_errors,
)

RULE = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
LOOP = "may not be in the loopback range (127.0.0.0/8, ::1/128)"
LINK = "may not be in the link-local range (169.254.0.0/16, fe80::/10)"
GROUP = "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("10.0.0.1", []),
        ("1.2.3.4", []),
        ("255.255.255.255", []),
        ("169.253.0.1", []),
        ("224.0.1.1", []),
        ("2001:db8::1", []),
        ("", [RULE]),
        ("10.0.0.01", [RULE]),
        ("10.0.0.256", [RULE]),
        ("10.0.0", [RULE]),
        ("10.0.0.1\n", [RULE]),
        ("fe80::1%eth0", [RULE]),
        ("::ffff:10.0.0.1", [RULE]),
        ("0.0.0.0", ["may not be unspecified (0.0.0.0)"]),
        ("::", ["may not be unspecified (::)"]),
        ("127.1.2.3", [LOOP]),
        ("::1", [LOOP]),
        ("169.254.1.1", [LINK]),
        ("fe80::1", [LINK]),
        ("224.0.0.9", [GROUP]),
        ("ff02::1", [GROUP]),
    ],
)
def test_address_can_be_reached(text: str, errors: list[str]) -> None:
    assert reachable_address_errors(text) == errors


@pytest.mark.parametrize(
    ("text", "version", "errors"),
    [
        ("10.0.0.1", 4, []),
        ("10.0.0.1", 6, ["must be a valid IPv6 address"]),
        ("2001:db8::1", 6, []),
        ("2001:db8::1", 4, ["must be a valid IPv4 address"]),
    ],
)
def test_address_is_of_the_version_asked_for(text: str, version: int, errors: list[str]) -> None:
    assert address_errors(text, version) == errors
    assert reachable_address_errors(text, version) == errors


@pytest.mark.slow
@given(st.ip_addresses(v=4).map(str) | st.from_regex(r"[0-9.]{7,15}", fullmatch=True))
def test_ordinary_addresses_are_known_without_parsing_them(text: str) -> None:
    told = reachable_address_errors(text)
    try:
        address = ip_address(text)
    except ValueError:
        assert told == [RULE]
        return
    special = (
        address.is_unspecified
        or address.is_loopback
        or address.is_link_local
        or address.packed[:3] == bytes((224, 0, 0))
    )
    assert bool(told) is special


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("10.0.0.0/8", True),
        ("10.1.2.3/8", True),
        ("::/0", True),
        ("10.0.0.0", False),
        ("x/8", False),
    ],
)
def test_block_is_an_address_and_a_length(text: str, good: bool) -> None:
    assert (block_errors(text) == []) is good
