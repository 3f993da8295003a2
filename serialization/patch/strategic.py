"""Strategic merge patch: a merge that knows which lists of a kind are merged, and by which key.

What is merged how rides on the fields of the message as options (``patch_strategy``,
``patch_merge_key``). Beside values, a patch may hold directives:

=================================  ==============================================================
``$patch: replace``                take this object (or, in an element of its own, this list)
                                   instead of what is there
``$patch: delete``                 remove the element of this key; empty this object
``$patch: merge``                  merge, as without it
``$retainKeys: [...]``             remove all members of the object but these, then merge
``$deleteFromPrimitiveList/x``     values to remove from the list ``x``
``$setElementOrder/x``             how the elements of the list ``x`` are to stand
=================================  ==============================================================
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from google.protobuf.message import Message

from serialization.jsonform.plan import Container, JsonField, Shape, plan_of, rules_of
from serialization.patch.directives import (
    DELETE_FROM,
    DIRECTIVE,
    ORDER,
    RETAIN,
    Tree,
    directive_of,
    elements_of,
    members_of,
    without_directives,
)
from serialization.patch.element_order import first_places, in_order, mark, place_by
from serialization.patch.errors import NestedListsError, PatchFormatError, PatchRuleError


class _Rules(NamedTuple):
    """How the values of one field are merged."""

    merged: bool = False
    """A list whose elements are merged; else a list is replaced as a whole."""
    replaced: bool = False
    """An object that is replaced as a whole."""
    key: str = ""
    """The member by which elements are told apart."""
    inside: type[Message] | None = None
    """The message that the value, or each element, is."""
    values: bool = False
    """A map: what ``inside`` says is said of its values."""


_FREE: Final = _Rules()


# A memo: what is worked out from a descriptor never changes.
_RULES: Final[dict[type[Message], Mapping[str, _Rules]]] = {}


def _rules_by_name(message: type[Message]) -> Mapping[str, _Rules]:
    made = _RULES.get(message)
    if made is None:
        made = _RULES[message] = {one.name: _rules(one) for one in plan_of(message).fields}
    return made


def _rules(one: JsonField) -> _Rules:
    options = rules_of(one.descriptor)
    strategies = options.patch_strategy.split(",")
    return _Rules(
        merged="merge" in strategies,
        replaced="replace" in strategies,
        key=options.patch_merge_key,
        inside=one.message if one.shape is Shape.OBJECT else None,
        values=one.container is Container.MAP,
    )


def strategic_merge(target: Tree, patch: Tree, message: type[Message]) -> Tree:
    """Return ``target`` (used up) merged with ``patch`` (left alone) by the rules of a message.

    Both are plain trees of the message. Raises PatchFormatError for a directive of a wrong shape,
    PatchRuleError for one that says what cannot be done, NestedListsError.
    """
    return _merge_object(target, patch, _Rules(inside=message))


def _merge_object(target: Tree, patch: Tree, rules: _Rules) -> Tree:
    directives = [name for name in patch if name[:1] == "$"]
    done: set[str] = set()
    if directives:
        if DIRECTIVE in patch:
            directive = directive_of(patch)
            if directive == "delete":
                return {}
            if directive == "replace":
                return members_of(patch)
        done = _carry_out(target, patch, directives, rules)
    for name, value in patch.items():
        if name in done:
            continue
        if value is None:
            target.pop(name, None)
        elif isinstance(value, dict | list):
            target[name] = _merge_value(target.get(name), value, _below(rules, name))
        else:
            target[name] = value
    return target


def _carry_out(target: Tree, patch: Tree, directives: list[str], rules: _Rules) -> set[str]:
    """Do what the directives of an object say; return the members of the patch that are done."""
    done: set[str] = set()
    if RETAIN in patch:
        _retain(target, patch)
    for name in directives:
        if name.startswith(ORDER):
            done |= {name, _place_elements(target, patch, name, rules)}
        elif name.startswith(DELETE_FROM):
            done.add(name)
    for name in directives:
        if name.startswith(DELETE_FROM):
            _delete_from(target, _listed(name), patch[name])
    return done | {DIRECTIVE, RETAIN}


def _below(rules: _Rules, name: str) -> _Rules:
    """Return the rules of a member of an object."""
    if rules.values:
        return _Rules(inside=rules.inside)
    return _FREE if rules.inside is None else _rules_by_name(rules.inside).get(name, _FREE)


def _merge_value(old: Any, new: Any, rules: _Rules) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return members_of(new) if rules.replaced else _merge_object(old, new, rules)
    if isinstance(old, list) and isinstance(new, list):
        return _merge_list(old, new, rules)
    return without_directives(new)


def _retain(target: Tree, patch: Tree) -> None:
    retained = patch[RETAIN]
    if not isinstance(retained, list):
        raise PatchFormatError("invalid patch format of retainKeys")
    names = {name for name in retained if isinstance(name, str)}
    for name, value in patch.items():
        if value is not None and not name.startswith("$") and name not in names:
            raise PatchFormatError("invalid patch format of retainKeys")
    for name in [name for name in target if name not in names]:
        del target[name]


def _listed(directive: str) -> str:
    """Return the name of the list that a directive is about."""
    _, _, name = directive.partition("/")
    if not name or "/" in name:
        raise PatchFormatError(f"invalid patch format of {directive}")
    return name


def _delete_from(target: Tree, name: str, values: Any) -> None:
    old = target.get(name)
    if not isinstance(values, list) or any(isinstance(each, dict | list) for each in values):
        raise PatchFormatError("invalid patch format of primitive list")
    if isinstance(old, list):
        gone = set(values)
        target[name] = [each for each in old if isinstance(each, dict | list) or each not in gone]


def _merge_list(old: list[Any], new: list[Any], rules: _Rules) -> list[Any]:
    if not rules.merged:
        return new
    if not _holds_objects(old, new):
        return in_order(_unique([*old, *new]), "", order=new, before=old)
    key = _key_of(rules)
    kept, given = _by_directives(old, new, key)
    inside = _Rules(inside=rules.inside)
    merged = list(kept)
    places = first_places(merged, key)
    in_turn, last = len(places) == len(merged), -1
    for element in given:
        value = _value(element, key)
        place = places.get(value)
        if place is None:
            in_turn = False
            places[value] = len(merged)
            merged.append(members_of(element))
        else:
            in_turn = in_turn and place > last
            last = place
            merged[place] = _merge_object(merged[place], element, inside)
    # Nothing new, no key twice, and the patch goes through the list as it stands: so it stays.
    return merged if in_turn else in_order(merged, key, order=given, before=kept)


def _holds_objects(old: list[Any], new: list[Any]) -> bool:
    """Tell a list of objects from one of scalars; raise for anything between."""
    elements = [*old, *new]
    if any(isinstance(each, list) for each in elements):
        raise NestedListsError("lists of lists are not supported")
    objects = sum(isinstance(each, dict) for each in elements)
    if objects not in (0, len(elements)):
        raise PatchRuleError("merging lists needs all elements to be of one type")
    return bool(objects)


def _key_of(rules: _Rules) -> str:
    if not rules.key:
        raise PatchRuleError("cannot merge lists without merge key")
    return rules.key


def _by_directives(old: list[Tree], new: list[Tree], key: str) -> tuple[list[Tree], list[Tree]]:
    """Carry out what the elements of a patch direct; return what is kept and what is to merge."""
    given: list[Tree] = []
    gone: set[str] = set()
    replace = False
    for element in new:
        directive = directive_of(element) if DIRECTIVE in element else "merge"
        if directive == "merge":
            given.append(element)
        elif directive == "replace":
            replace = True
        else:
            gone.add(_value(element, key))
    if replace:
        return [], given
    return [each for each in old if mark(each.get(key)) not in gone] if gone else old, given


def _value(element: Tree, key: str) -> str:
    if key not in element:
        raise PatchRuleError(
            f"map: {json.dumps(element)} does not contain declared merge key: {key}"
        )
    return mark(element[key])


def _unique(values: list[Any]) -> list[Any]:
    return list({mark(value): value for value in reversed(values)}.values())[::-1]


def _place_elements(target: Tree, patch: Tree, directive: str, rules: _Rules) -> str:
    """Merge a list whose order the patch sets; return the list's name, which is done then."""
    name, order = _listed(directive), patch[directive]
    below = _below(rules, name)
    if not isinstance(order, list):
        raise PatchFormatError("invalid patch format of setElementOrder list")
    if below is _FREE:
        raise PatchRuleError(f'unable to find api field for the json field "{name}"')
    old, new = target.get(name), patch.get(name)
    _check_order(new if isinstance(new, list) else [], order, below.key)
    if isinstance(old, list) and isinstance(new, list):
        merged = _merge_list(list(old), new, below)
    elif isinstance(new, list):
        merged = elements_of(new)
    elif isinstance(old, list) and name not in patch:
        merged = old
    else:
        return ""
    before = old if isinstance(old, list) else []
    target[name] = in_order(merged, below.key, order=order, before=before)
    return name


def _check_order(new: list[Any], order: list[Any], key: str) -> None:
    """Raise PatchRuleError unless the elements of a patch stand in the order that it sets."""
    elements = [
        each
        for each in new
        if not (isinstance(each, dict) and each.get(DIRECTIVE) in ("delete", "replace"))
    ]
    places = iter([place_by(each, key) for each in order])
    if not all(place_by(each, key) in places for each in elements):
        raise PatchRuleError(
            f"The order in patch list:\n{json.dumps(elements)}\n doesn't match $setElementOrder "
            f"list:\n{json.dumps(order)}\n"
        )
