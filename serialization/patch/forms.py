"""The patches that are known, by media type: read once, applied to as many states as it takes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple, Protocol

from google.protobuf.message import Message

from serialization.errors import DecodeError
from serialization.jsonform.decode import ObjectWithDuplicates
from serialization.jsonform.text import parse_exact, parse_plain
from serialization.patch.errors import PatchFailedError, PatchFormatError
from serialization.patch.json_patch import Operation, apply_operations, read_operations
from serialization.patch.merge import merge
from serialization.patch.strategic import strategic_merge

Tree = dict[str, Any]


class Patch(Protocol):
    """A patch that has been read."""

    @property
    def parts(self) -> Mapping[str, Patch] | None:
        """The patches of the members, where it is no more than these; None where it is more."""
        ...

    @property
    def members(self) -> Mapping[str, Any]:
        """What it merges into an object; nothing where it is no merge."""
        ...

    @property
    def version(self) -> str:
        """The resourceVersion that the patch is meant for, as far as it tells; or nothing."""
        ...

    def apply(self, target: Any, message: type[Message]) -> Any:
        """Return ``target`` (a plain tree of a message, used up) changed. Raises PatchError."""
        ...


class JsonPatch(NamedTuple):
    """A list of operations (RFC 6902)."""

    operations: list[Operation]

    @property
    def parts(self) -> Mapping[str, Patch] | None:
        return None

    @property
    def members(self) -> Mapping[str, Any]:
        return {}

    @property
    def version(self) -> str:
        return ""

    def apply(self, target: Any, message: type[Message]) -> Any:
        return _shallow(lambda: apply_operations(target, self.operations))


class MergePatch(NamedTuple):
    """An object to merge (RFC 7396)."""

    members: Tree

    @property
    def parts(self) -> Mapping[str, Patch] | None:
        if not _holds_objects(self.members):
            return None
        return {name: MergePatch(value) for name, value in self.members.items()}

    @property
    def version(self) -> str:
        return _version(self.members)

    def apply(self, target: Any, message: type[Message]) -> Any:
        return _shallow(lambda: merge(target, self.members))


class StrategicPatch(NamedTuple):
    """An object to merge by the rules of its kind."""

    members: Tree

    @property
    def parts(self) -> Mapping[str, Patch] | None:
        if not _holds_objects(self.members):  # the values of directives are none
            return None
        return {name: StrategicPatch(value) for name, value in self.members.items()}

    @property
    def version(self) -> str:
        return _version(self.members)

    def apply(self, target: Any, message: type[Message]) -> Any:
        return _shallow(lambda: strategic_merge(target, self.members, message))


def _holds_objects(members: Tree) -> bool:
    return all(isinstance(value, dict) for value in members.values())


def _version(members: Tree) -> str:
    metadata = members.get("metadata")
    version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
    return version if isinstance(version, str) else ""


def _shallow(change: Callable[[], Any]) -> Any:
    try:
        return change()
    except RecursionError:
        raise PatchFailedError("nested too deep") from None


def _members(tree: object) -> Tree:
    if not isinstance(tree, dict):
        raise PatchFormatError("error decoding patch: a merge patch is an object")
    return tree


PATCHES: Final[Mapping[str, Callable[[object], Patch]]] = {
    "application/json-patch+json": lambda tree: JsonPatch(read_operations(tree)),
    "application/merge-patch+json": lambda tree: MergePatch(_members(tree)),
    "application/strategic-merge-patch+json": lambda tree: StrategicPatch(_members(tree)),
}
"""By media type: makes a patch of a JSON tree. Raises PatchError."""


def read_patch(media_type: str, body: bytes) -> tuple[Patch, list[str]]:
    """Return a patch, and the paths of the keys that it has twice.

    Raises KeyError for a media type that is not in PATCHES, PatchError for a body that is no such
    patch.
    """
    make = PATCHES[media_type]
    try:
        tree = None if b"\\u" in body else parse_plain(body)
        if tree is not None:
            return make(tree), []
        tree = parse_exact(body)
        if b"\\u" in body:
            _check_text(tree)
        twice = list(_twice(tree, ""))
        return make(_unmarked(tree) if twice else tree), twice
    except DecodeError as error:
        raise PatchFormatError(f"error decoding patch: {error}") from None
    except RecursionError:  # the parser goes deeper than what looks through its tree
        raise PatchFormatError("error decoding patch: nested too deep") from None


def _check_text(tree: object) -> None:
    """Refuse a tree with half a character in it: escapes can say what no UTF-8 can."""
    try:
        json.dumps(tree, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise PatchFormatError("text with a lone surrogate is no UTF-8") from None


def _twice(tree: object, path: str) -> Iterator[str]:
    if isinstance(tree, dict):
        if isinstance(tree, ObjectWithDuplicates):
            yield from (f"{path}.{name}" if path else name for name in tree.duplicates)
        for name, value in tree.items():
            if isinstance(value, dict | list):
                yield from _twice(value, f"{path}.{name}" if path else name)
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from _twice(value, f"{path}[{index}]")


def _unmarked(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {name: _unmarked(value) for name, value in tree.items()}
    return [_unmarked(value) for value in tree] if isinstance(tree, list) else tree
