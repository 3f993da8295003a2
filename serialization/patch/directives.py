"""The directives that a strategic patch may hold, and what is left of a value without them."""

from __future__ import annotations

import json
from typing import Any, Final

from serialization.patch.errors import PatchRuleError

Tree = dict[str, Any]

DIRECTIVE: Final = "$patch"
RETAIN: Final = "$retainKeys"
DELETE_FROM: Final = "$deleteFromPrimitiveList/"
ORDER: Final = "$setElementOrder/"

_DIRECTIVES: Final = frozenset(("replace", "delete", "merge"))


def changed_member(name: str) -> str:
    """Return which member a name in a patch is about; ``$`` for a directive about them all."""
    if name[:1] != "$":
        return name
    return name.partition("/")[2] if name.startswith((ORDER, DELETE_FROM)) else "$"


def directive_of(holder: Tree) -> str:
    """Return what an object directs of itself. Raises PatchRuleError for what is unknown."""
    directive = holder[DIRECTIVE]
    if not isinstance(directive, str) or directive not in _DIRECTIVES:
        raise PatchRuleError(f"unknown patch type: {directive} in map: {json.dumps(holder)}")
    return directive


def without_directives(value: Any) -> Any:
    """Return a copy of a value of which nothing stood there before: no nulls, no directives."""
    if isinstance(value, dict):
        return {} if value.get(DIRECTIVE) == "delete" else members_of(value)
    return elements_of(value) if isinstance(value, list) else value


def members_of(holder: Tree) -> Tree:
    """Return a copy of an object of which nothing stood there before."""
    if DIRECTIVE in holder:
        directive_of(holder)
    return {
        name: without_directives(value)
        for name, value in holder.items()
        if value is not None
        and name not in (DIRECTIVE, RETAIN)
        and not name.startswith((ORDER, DELETE_FROM))
    }


def elements_of(values: list[Any]) -> list[Any]:
    """Return a copy of a list of which nothing stood there before."""
    return [
        without_directives(each)
        for each in values
        if not (isinstance(each, dict) and DIRECTIVE in each and directive_of(each) != "merge")
    ]
