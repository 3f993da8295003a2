"""Numbers and names of ports."""

from __future__ import annotations

import re
from typing import Final

from serialization.api.intstr_pb2 import IntOrString

PORT_MAX: Final = 65_535
PROTOCOLS: Final = ("SCTP", "TCP", "UDP")
STRING: Final = 1
"""IntOrString's type of a name; 0 is a number."""

_NAME_MAX: Final = 15
_has_letter: Final = re.compile("[a-z]").search
_is_name: Final = re.compile("[-a-z0-9]+").fullmatch


def port_number_errors(number: int) -> list[str]:
    """Return what is wrong with the number of a port."""
    return [] if 0 < number <= PORT_MAX else [f"must be between 1 and {PORT_MAX}, inclusive"]


def port_name_errors(name: str) -> list[str]:
    """Return what is wrong with a port's name, by the rule of IANA's service names."""
    errors = []
    if len(name) > _NAME_MAX:
        errors.append(f"must be no more than {_NAME_MAX} characters")
    if not _is_name(name):
        errors.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not _has_letter(name):
        errors.append("must contain at least one letter (a-z)")
    if "--" in name:
        errors.append("must not contain consecutive hyphens")
    if name.startswith("-") or name.endswith("-"):
        errors.append("must not begin or end with a hyphen")
    return errors


def target_errors(port: IntOrString) -> list[str]:
    """Return what is wrong with a port that is a number, or the name of a container's port."""
    if port.type == STRING:
        return port_name_errors(port.strVal)
    return port_number_errors(port.intVal)


def shown(port: IntOrString) -> str | int:
    """Return the number or the name, as messages tell it."""
    return port.strVal if port.type == STRING else port.intVal
