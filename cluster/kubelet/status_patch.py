"""The strategic merge patch that turns one status into another, as kubelets compute it.

Lists that have a merge key carry only the elements that changed, whole, and ``$setElementOrder``;
other lists are carried whole; what is gone is null. Pure, on plain JSON trees.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

MERGE_KEYS: Final = {
    "addresses": "type",
    "conditions": "type",
    "hostIPs": "ip",
    "podIPs": "ip",
}
"""Of the lists in the status of a pod or a node that are merged (the field table's patch keys)."""


def status_patch(old: dict[str, Any], new: dict[str, Any], uid: str = "") -> bytes:
    """Return the patch's text; ``uid`` binds it to that very object."""
    patch: dict[str, Any] = {"metadata": {"uid": uid}} if uid else {}
    patch["status"] = difference(old, new)
    return orjson.dumps(patch, option=orjson.OPT_SORT_KEYS)


def difference(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return what a strategic merge patch has to say of a status."""
    changed: dict[str, Any] = {}
    for name, value in new.items():
        before = old.get(name)
        if value == before:
            continue
        key = MERGE_KEYS.get(name)
        if key is not None and isinstance(value, list):
            changed.update(_merged(name, key, before or [], value))
        elif isinstance(value, dict) and isinstance(before, dict):
            changed[name] = difference(before, value)
        else:
            changed[name] = value
    changed.update({name: None for name in old if name not in new})
    return changed


def _merged(
    name: str, key: str, old: list[dict[str, Any]], new: list[dict[str, Any]]
) -> dict[str, Any]:
    before = {element[key]: element for element in old}
    elements = [_element(before.get(each[key]), each, key) for each in new]
    elements = [element for element in elements if element]
    kept = {element[key] for element in new}
    gone = [{"$patch": "delete", key: each[key]} for each in old if each[key] not in kept]
    said: dict[str, Any] = {f"$setElementOrder/{name}": [{key: each[key]} for each in new]}
    if elements or gone:
        said[name] = elements + gone
    return said


def _element(old: dict[str, Any] | None, new: dict[str, Any], key: str) -> dict[str, Any]:
    if old is None:
        return new
    changed = difference(old, new)
    return {**changed, key: new[key]} if changed else {}
