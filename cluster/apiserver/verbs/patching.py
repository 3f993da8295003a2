"""How a patch is read off a request and what it makes of a message; no store, no waiting.

The plain way serves every patch: the message becomes a JSON tree, the patch is applied to it, and a
message is made of the tree as of any body. The short way serves what controllers and kubelets send
all day: a merge or strategic patch of nothing but ``status`` and ``metadata``. Only these two are
turned into trees, the rest of the message is copied. Whatever is odd about such a patch goes the
plain way, which finds the exact words; so both give the same message (a property test).
"""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

from google.protobuf.message import Message

from cluster.apiserver.calls import Call
from cluster.apiserver.errors import (
    StatusError,
    bad_request,
    forbidden_field,
    invalid,
    invalid_object,
    too_long,
    unreasoned,
)
from serialization.api.meta.v1_pb2 import StatusDetails
from serialization.codecs.interface import TypeMeta, UnknownFields
from serialization.errors import DecodeError
from serialization.jsonform.plan import Container, JsonField, Shape, plan_of
from serialization.patch.directives import changed_member
from serialization.patch.errors import (
    NestedListsError,
    PatchError,
    PatchFailedError,
    PatchFormatError,
    PatchTooLongError,
)
from serialization.patch.forms import PATCHES, Patch, read_patch
from serialization.plain import from_plain, plain
from serialization.scheme import metadata_of

MANAGER_MAX: Final = 128
PARTS: Final = frozenset(("metadata", "status"))


class Patched(NamedTuple):
    """What a patch made of a message."""

    message: Message
    rebuilt: bool
    """The plain way: fields that it did not touch may be absent now that were zero, or zero now
    that were absent. The two mean the same, but their bytes differ."""


class Patching(NamedTuple):
    """A patch as a request asks for it."""

    patch: Patch
    unknown: UnknownFields
    twice: list[str]
    """What the patch's text is to be warned of: keys that stand in it twice."""

    def apply(self, old: Message, kind: TypeMeta, warnings: list[str]) -> Patched:
        """Return the patched copy of a message; adds to ``warnings``. Raises StatusError."""
        warnings += self.twice
        try:
            short = by_parts(self.patch, old)
            if short is not None:
                return Patched(short, rebuilt=False)
            return Patched(self._plainly(old, kind, warnings), rebuilt=True)
        except PatchError as error:
            raise refusal(error) from error

    def _plainly(self, old: Message, kind: TypeMeta, warnings: list[str]) -> Message:
        tree = plainly(self.patch, old, kind)
        try:
            new = from_plain(type(old), tree, self.unknown, warnings)
        except DecodeError as error:
            raise _unfit(_shown(tree), str(error)) from error
        for name, wanted in (("kind", kind.kind), ("apiVersion", kind.api_version)):
            if tree.get(name, wanted) not in (wanted, None):
                raise bad_request(f"a patch cannot change the {name} of an object to {tree[name]}")
        return new


def says_the_same(new: Message, old: Message) -> bool:
    """Tell whether two states of an object differ in nothing that JSON shows."""
    metadata_of(new).resourceVersion = metadata_of(old).resourceVersion
    return plain(new) == plain(old)


def plainly(patch: Patch, old: Message, kind: TypeMeta) -> Any:
    """Return the patched tree of a message. Raises PatchError."""
    tree = {"kind": kind.kind, "apiVersion": kind.api_version, **plain(old)}
    return patch.apply(tree, type(old))


def by_parts(patch: Patch, old: Message) -> Message | None:
    """Return the patched copy of a message, if the patch is one for the short way.

    None says: go the plain way. Raises PatchError.
    """
    parts = patch.parts
    if not parts or not parts.keys() <= PARTS:
        return None
    fields = old.DESCRIPTOR.fields_by_name
    if any(name not in fields or not old.HasField(name) for name in parts):
        return None
    new = type(old)()
    new.CopyFrom(old)
    if all(_patch_within(getattr(new, name), part) for name, part in parts.items()):
        return new
    return None


def _patch_within(message: Message, patch: Patch) -> bool:
    """Patch a message in place by way of the fields that the patch names; False: it cannot be."""
    by_name = plan_of(type(message)).by_name
    touched: dict[str, str] = {}
    members = patch.members
    if all(_holds(message, by_name.get(name), value) for name, value in members.items()):
        return True
    for directive in members:
        name = changed_member(directive)
        field = by_name.get(name)
        if field is None or len(field.path) != 1:
            return False
        touched[name] = field.path[0]
    few = type(message)()
    few.CopyFrom(message)
    kept = touched.values()
    for descriptor, _value in few.ListFields():
        if descriptor.name not in kept:
            few.ClearField(descriptor.name)
    whole = plain(few)  # with the zeros of fields that are always written, touched or not
    tree = patch.apply({name: whole[name] for name in touched if name in whole}, type(message))
    try:
        few = from_plain(type(message), tree, UnknownFields.STRICT)
    except DecodeError:
        return False
    for name in kept:
        message.ClearField(name)
    message.MergeFrom(few)
    return True


def _holds(message: Message, field: JsonField | None, value: object) -> bool:
    """Tell a text that the message has already: the uid that kubelets send with each status."""
    return (
        isinstance(value, str)
        and value != ""
        and field is not None
        and field.shape is Shape.SCALAR
        and field.container is Container.ONE
        and len(field.path) == 1
        and getattr(message, field.path[0]) == value
    )


def read_patching(call: Call, body: bytes) -> Patching:
    """Read a PATCH request. Raises StatusError: 415, 400, 413, 422."""
    media = call.content_type.decode("latin-1").partition(";")[0].strip().lower()
    if media not in PATCHES:
        raise StatusError(
            415, "UnsupportedMediaType", "415: Unsupported Media Type", StatusDetails()
        )
    _check_options(call)
    unknown = call.unknown_fields
    try:
        patch, twice = read_patch(media, body)
    except PatchError as error:
        raise refusal(error) from error
    findings = [f'duplicate field "{path}"' for path in twice]
    if findings and unknown is UnknownFields.STRICT:
        raise _unfit(body.decode(errors="replace"), f"strict decoding error: {', '.join(findings)}")
    return Patching(patch, unknown, findings if unknown is UnknownFields.WARN else [])


def _check_options(call: Call) -> None:
    if not call.query:
        return
    problems = []
    if "force" in call.query:
        problems.append(forbidden_field("force", "may not be specified for non-apply patch"))
    manager = call.query.get("fieldManager", "")
    if len(manager.encode()) > MANAGER_MAX:
        problems.append(too_long("fieldManager", MANAGER_MAX))
    for index, character in enumerate(manager):
        if not character.isprintable():
            code = f"{ord(character):04X}"
            shown = manager.encode("unicode_escape").decode()
            problem = invalid(
                "fieldManager", "", f"invalid character U+{code} (at position {index})"
            )
            message = problem.message.replace('""', f'"{shown}"', 1)
            problems.append(problem._replace(message=message))
            break
    if problems:
        raise invalid_object("PatchOptions", "", problems, group="meta.k8s.io")


def refusal(error: PatchError) -> StatusError:
    """Return what a client is told about a patch that cannot be carried out."""
    if isinstance(error, PatchFormatError):
        return bad_request(str(error))
    if isinstance(error, PatchFailedError):
        return StatusError(
            422,
            "Invalid",
            "the server rejected our request due to an error in our request",
            StatusDetails(),
        )
    if isinstance(error, PatchTooLongError):
        return StatusError(413, "RequestEntityTooLarge", f"Request entity too large: {error}")
    if isinstance(error, NestedListsError):
        return StatusError(422, "Invalid", str(error), StatusDetails())
    return unreasoned(str(error))


def _unfit(shown: str, why: str) -> StatusError:
    return invalid_object("", "", [invalid("patch", shown, why)])


def _shown(tree: object) -> str:
    try:
        return json.dumps(tree, separators=(",", ":"))
    except RecursionError:
        return "<nested too deep>"
