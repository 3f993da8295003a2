"""What single values of a pod's spec may be: paths, names of variables, numbers.

Each function returns what is wrong, in Kubernetes' words; nothing for a good value.
"""

from __future__ import annotations

import re
from typing import Final

ID_MAX: Final = 2**31 - 1
ID_RANGE: Final = f"must be between 0 and {ID_MAX}, inclusive"
NOT_NEGATIVE: Final = "must be greater than or equal to 0"
POSITIVE: Final = "must be greater than zero"
KEY_MAX: Final = 253

_is_variable: Final = re.compile("[ -<>-~]+").fullmatch
_is_header: Final = re.compile("[-A-Za-z0-9]+").fullmatch
_is_key: Final = re.compile("[-._a-zA-Z0-9]+").fullmatch

_VARIABLE_RULE: Final = (
    "a valid environment variable name must consist only of printable ASCII characters other "
    "than '='"
)
_HEADER_RULE: Final = (
    "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', "
    "regex used for validation is '[-A-Za-z0-9]+')"
)
_KEY_RULE: Final = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "
    "'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)


def is_variable_name(name: str) -> bool:
    """Tell whether a name is one that an environment variable may have (hot path)."""
    return _is_variable(name) is not None


def variable_name_errors(name: str) -> list[str]:
    """Judge the name of an environment variable, or the prefix of several."""
    return [] if _is_variable(name) else [_VARIABLE_RULE]


def header_name_errors(name: str) -> list[str]:
    """Judge the name of an HTTP header."""
    return [] if _is_header(name) else [_HEADER_RULE]


def config_key_errors(key: str) -> list[str]:
    """Judge a key of a ConfigMap or Secret."""
    errors = []
    if len(key) > KEY_MAX:
        errors.append(f"must be no more than {KEY_MAX} characters")
    if not _is_key(key):
        errors.append(_KEY_RULE)
    if key in {".", ".."}:
        errors.append(f"must not be '{key}'")
    elif key.startswith(".."):
        errors.append("must not start with '..'")
    return errors


def descending_path_errors(path: str) -> list[str]:
    """Judge a relative path that may not lead out of where it starts."""
    errors = ["must be a relative path"] if path.startswith("/") else []
    return errors + backstep_errors(path)


def file_path_errors(path: str) -> list[str]:
    """Judge where a volume's file is to stand: names that begin with ``..`` are the volume's."""
    errors = descending_path_errors(path)
    if path.startswith("..") and not path.startswith("../"):
        errors.append("must not start with '..'")
    return errors


def backstep_errors(path: str) -> list[str]:
    """Judge that a path never steps back."""
    return ["must not contain '..'"] if ".." in path.split("/") else []


def id_errors(number: int) -> list[str]:
    """Judge the number of a user or group."""
    return [] if 0 <= number <= ID_MAX else [ID_RANGE]
