"""What may stand where an IP address, or a block of them, is asked for."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

_RULE: Final = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
_BLOCK_RULE: Final = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"

_OCTET: Final = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
# Of the networks whose first octet these are, parts are not to be reached; the rest is ordinary.
# An address costs 0.4 us so, and 6 us to parse and to judge: endpoints may have a thousand.
_is_ordinary: Final = re.compile(rf"(?!0\.|127\.|169\.|224\.){_OCTET}(?:\.{_OCTET}){{3}}").fullmatch


def parsed_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address that a text is, or None. An address with a zone is none."""
    if "%" in text:
        return None
    try:
        return ip_address(text)
    except ValueError:
        return None


def address_errors(text: str, version: int = 0) -> list[str]:
    """Return what is wrong with an address, of any version or of 4 or 6."""
    address = parsed_address(text)
    if address is None or (isinstance(address, IPv6Address) and address.ipv4_mapped):
        return [_RULE]
    if version and address.version != version:
        return [f"must be a valid IPv{version} address"]
    return []


def reachable_address_errors(text: str, version: int = 0) -> list[str]:
    """Return what is wrong with an address that others are to reach; ``version`` 0: any."""
    if version != 6 and _is_ordinary(text):
        return []
    errors = address_errors(text, version)
    address = parsed_address(text)
    if errors or address is None:
        return errors
    if address.is_unspecified:
        errors.append(f"may not be unspecified ({text})")
    if address.is_loopback:
        errors.append("may not be in the loopback range (127.0.0.0/8, ::1/128)")
    if address.is_link_local:
        errors.append("may not be in the link-local range (169.254.0.0/16, fe80::/10)")
    if _is_link_local_multicast(address):
        errors.append("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")
    return errors


def _is_link_local_multicast(address: IPv4Address | IPv6Address) -> bool:
    packed = address.packed
    if address.version == 4:
        return packed[:3] == bytes((224, 0, 0))
    return packed[0] == 0xFF and packed[1] & 0x0F == 0x02


def block_errors(text: str) -> list[str]:
    """Return what is wrong with a block of addresses, in CIDR notation."""
    try:
        ip_network(text, strict=False)
    except ValueError:
        return [_BLOCK_RULE]
    return [] if "/" in text else [_BLOCK_RULE]
