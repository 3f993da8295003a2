"""In which order the elements of a merged list stand.

Two orders meet: that of the patch (its own elements, or what it says with ``$setElementOrder``)
and that of the list before. Each part keeps its order; where an element of the one stands beside
one of the other, the list before decides if it had both, and otherwise the patch's comes first.
So a new element goes to the front unless the patch says where it belongs.
"""

from __future__ import annotations

import json
from typing import Any

from serialization.patch.errors import PatchRuleError


def mark(value: Any) -> str:
    """Return what tells a scalar or the value of a merge key apart from others."""
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def place_by(element: Any, key: str) -> str:
    """Return what tells an element apart: its key, or itself. Raises PatchRuleError."""
    if not key:
        return mark(element)
    if not isinstance(element, dict) or key not in element:
        raise PatchRuleError(
            f"map: {json.dumps(element)} does not contain declared merge key: {key}"
        )
    return mark(element[key])


def in_order(elements: list[Any], key: str, *, order: list[Any], before: list[Any]) -> list[Any]:
    """Return ``elements`` as they are to stand, ``order`` being the patch's; none is lost."""
    wanted = first_places(order, key)
    stood = first_places(before, key)
    marked = [(place_by(each, key), each) for each in elements]
    ordered = sorted((one for one in marked if one[0] in wanted), key=lambda one: wanted[one[0]])
    rest = [one for one in marked if one[0] not in wanted]
    rest.sort(key=lambda one: stood.get(one[0], len(stood)))
    result: list[Any] = []
    waiting = iter(ordered)
    patched = next(waiting, None)
    for name, element in rest:
        while patched is not None and not _stood_before(name, patched[0], stood):
            result.append(patched[1])
            patched = next(waiting, None)
        result.append(element)
    if patched is not None:
        result.append(patched[1])
    result += [element for _name, element in waiting]
    return result


def first_places(elements: list[Any], key: str) -> dict[str, int]:
    """Return where each element stands first, by what tells it apart."""
    places: dict[str, int] = {}
    for index, element in enumerate(elements):
        places.setdefault(place_by(element, key), index)
    return places


def _stood_before(left: str, right: str, stood: dict[str, int]) -> bool:
    return left in stood and right in stood and stood[left] < stood[right]
