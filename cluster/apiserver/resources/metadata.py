"""Rules that hold for the metadata of every kind: names, labels, and what an update may change."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from cluster.apiserver.errors import (
    FieldProblem,
    forbidden_field,
    invalid,
    invalid_shown,
    required,
    too_long,
)
from serialization.api.meta.v1_pb2 import ObjectMeta, OwnerReference
from serialization.labels import is_sound_key, key_errors, value_errors
from serialization.plain import plain

NameRule = Callable[[str], list[str]]
"""Returns what is wrong with a name, in Kubernetes' words; nothing for a good one."""

_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_is_label: Final = re.compile(_LABEL).fullmatch

LABEL_MAX: Final = 63
KEY_MAX: Final = 253 + 1 + LABEL_MAX
LABELS_MAX: Final = 4096
"""Labels whose judgement is remembered: 3 MiB at most."""
_LABEL_RULE: Final = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
    f"for validation is '{_LABEL}')"
)
ANNOTATIONS_MAX_BYTES: Final = 262_144
STANDARD_FINALIZERS: Final = frozenset(("foregroundDeletion", "kubernetes", "orphan"))


def label_name_errors(name: str) -> list[str]:
    """Judge a name by RFC 1123 labels (namespaces, containers, volumes, ports)."""
    errors = []
    if len(name) > LABEL_MAX:
        errors.append(f"must be no more than {LABEL_MAX} characters")
    if not _is_label(name):
        errors.append(_LABEL_RULE)
    return errors


def path_segment_errors(name: str) -> list[str]:
    """Judge a name that only has to fit into a path (events are named so)."""
    if name in {".", ".."}:
        return [f"may not be '{name}'"]
    return [f"may not contain '{character}'" for character in "/%" if character in name]


def label_problems(labels: Mapping[str, str], field: str) -> list[FieldProblem]:
    """Return what is wrong with a label map, in key order."""
    for key, value in labels.items():
        if len(key) > KEY_MAX or len(value) > LABEL_MAX or not _is_sound_label(key, value):
            break
    else:
        return []
    problems = []
    for key in sorted(labels):
        problems += [invalid(field, key, why) for why in key_errors(key)]
        problems += [invalid(field, labels[key], why) for why in value_errors(labels[key])]
    return problems


@lru_cache(maxsize=LABELS_MAX)
def _is_sound_label(key: str, value: str) -> bool:
    """Judge a label once: the same few stand on thousands of objects."""
    return not key_errors(key) and not value_errors(value)


def metadata_problems(
    meta: ObjectMeta, name_rule: NameRule, field: str = "metadata"
) -> list[FieldProblem]:
    """Return what is wrong with metadata that is about to be stored (hot path)."""
    problems: list[FieldProblem] = []
    name, prefix = meta.name, meta.generateName
    if prefix:
        errors = name_rule(_as_prefix(prefix))
        problems += [invalid(f"{field}.generateName", prefix, why) for why in errors]
    if not name:
        problems.append(required(f"{field}.name", "name or generateName is required"))
    else:
        problems += [invalid(f"{field}.name", name, why) for why in name_rule(name)]
    problems += _carried_problems(meta, field)
    if meta.finalizers:
        problems += _finalizer_problems(meta.finalizers, f"{field}.finalizers")
    return problems


def metadata_update_problems(
    new: ObjectMeta, old: ObjectMeta, name_rule: NameRule
) -> list[FieldProblem]:
    """Return what is wrong with metadata that is about to replace another (hot path).

    What has not changed was sound when it was written. A real server judges it for all kinds and
    once more for each kind, so its causes are doubled.
    """
    if new == old:
        return []
    problems = metadata_problems(new, name_rule)
    if not problems and not old.HasField("deletionTimestamp"):
        return problems
    change = _new_finalizer_problems(new, old)
    if problems:
        change += _carried_problems(new, "metadata")
    return problems + change + change + problems


def _carried_problems(meta: ObjectMeta, field: str) -> list[FieldProblem]:
    problems: list[FieldProblem] = []
    if labels := meta.labels:
        problems += label_problems(labels, f"{field}.labels")
    if annotations := meta.annotations:
        problems += annotation_problems(annotations, f"{field}.annotations")
    if owners := meta.ownerReferences:
        problems += _owner_problems(owners, f"{field}.ownerReferences")
    return problems


def _as_prefix(generate_name: str) -> str:
    """A prefix may end in what a name may not, because more follows."""
    return generate_name[:-1] + "a" if generate_name[-1] in "-." else generate_name


def annotation_problems(annotations: Mapping[str, str], field: str) -> list[FieldProblem]:
    """Return what is wrong with annotations: their keys, and what they weigh together."""
    problems = []
    total = 0
    for key, value in annotations.items():
        total += _size(key) + _size(value)
        if not is_sound_key(key.lower()):
            problems += [invalid(field, key, why) for why in key_errors(key.lower())]
    if total > ANNOTATIONS_MAX_BYTES:
        problems.append(too_long(field, ANNOTATIONS_MAX_BYTES))
    return problems


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _finalizer_problems(finalizers: Sequence[str], field: str) -> list[FieldProblem]:
    problems = []
    for index, name in enumerate(finalizers):
        problems += finalizer_name_problems(name, f"{field}[{index}]")
    if "orphan" in finalizers and "foregroundDeletion" in finalizers:
        shown = json.dumps(list(finalizers), separators=(",", ":"))
        why = "finalizer orphan and foregroundDeletion cannot be both set"
        problems.append(invalid_shown(field, shown, why))
    return problems


def finalizer_name_problems(name: str, field: str) -> list[FieldProblem]:
    """Return what is wrong with the name of a finalizer, of an object or of a namespace."""
    problems = [invalid(field, name, why) for why in key_errors(name)]
    if "/" not in name and name not in STANDARD_FINALIZERS:
        why = "name is neither a standard finalizer name nor is it fully qualified"
        problems.append(invalid(field, name, why))
    return problems


def _owner_problems(owners: Sequence[OwnerReference], field: str) -> list[FieldProblem]:
    """Judge owners. A real server tells no index here."""
    problems = []
    controller = ""
    for owner in owners:
        if not owner.apiVersion.rpartition("/")[2]:
            why = "version must not be empty"
            problems.append(invalid(f"{field}.apiVersion", owner.apiVersion, why))
        for name, value in (("kind", owner.kind), ("name", owner.name), ("uid", owner.uid)):
            if not value:
                problems.append(invalid(f"{field}.{name}", value, "must not be empty"))
        if owner.apiVersion == "v1" and owner.kind == "Event":
            why = "/v1, Kind=Event is disallowed from being an owner"
            problems.append(invalid_shown(field, _shown(owner), why))
        if owner.controller:
            current = f"{owner.kind}/{owner.name}"
            if controller:
                why = (
                    'Only one reference can have Controller set to true. Found "true" in '
                    f"references for {controller} and {current}"
                )
                shown = f"[{','.join(_shown(each) for each in owners)}]"
                problems.append(invalid_shown(field, shown, why))
            else:
                controller = current
    return problems


def _shown(owner: OwnerReference) -> str:
    return json.dumps(plain(owner), separators=(",", ":"))


def keep_system_fields(new: ObjectMeta, old: ObjectMeta) -> None:
    """Carry over what no client may change in an update, whatever the request says."""
    new.uid = old.uid
    new.name = old.name
    if old.namespace:
        new.namespace = old.namespace
    else:  # an empty one is another text in protobuf, so writing nothing would be a write
        new.ClearField("namespace")
    new.creationTimestamp.CopyFrom(old.creationTimestamp)
    if old.HasField("generation"):
        new.generation = old.generation
    else:
        new.ClearField("generation")
    if old.HasField("deletionTimestamp"):
        new.deletionTimestamp.CopyFrom(old.deletionTimestamp)
    else:
        new.ClearField("deletionTimestamp")
    if old.HasField("deletionGracePeriodSeconds"):
        new.deletionGracePeriodSeconds = old.deletionGracePeriodSeconds
    else:
        new.ClearField("deletionGracePeriodSeconds")
    if old.generateName and not new.generateName:
        new.generateName = old.generateName
    new.ClearField("selfLink")
    new.ClearField("managedFields")


def _new_finalizer_problems(new: ObjectMeta, old: ObjectMeta) -> list[FieldProblem]:
    """Refuse finalizers that are added to an object that is being deleted."""
    if not old.HasField("deletionTimestamp") or not new.finalizers:
        return []
    added = [name for name in new.finalizers if name not in old.finalizers]
    if not added:
        return []
    listed = ", ".join(f'"{name}"' for name in added)
    return [
        forbidden_field(
            "metadata.finalizers",
            "no new finalizers can be added if the object is being deleted, found new "
            f"finalizers []string{{{listed}}}",
        )
    ]
