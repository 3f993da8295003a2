"""Rules that hold for the metadata of every kind: names, labels, and what an update may change."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from cluster.apiserver.errors import FieldProblem, forbidden_field, invalid, required, too_long
from serialization.api.meta.v1_pb2 import ObjectMeta

NameRule = Callable[[str], str]
"""Returns what is wrong with a name, in Kubernetes' words; empty for a good one."""

_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN: Final = rf"{_LABEL}(\.{_LABEL})*"
_QUALIFIED: Final = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE: Final = f"({_QUALIFIED})?"

_is_label: Final = re.compile(_LABEL).fullmatch
_is_subdomain: Final = re.compile(_SUBDOMAIN).fullmatch
_is_qualified: Final = re.compile(_QUALIFIED).fullmatch
_is_value: Final = re.compile(_VALUE).fullmatch

SUBDOMAIN_MAX: Final = 253
LABEL_MAX: Final = 63
ANNOTATIONS_MAX_BYTES: Final = 262_144


def subdomain_name(name: str) -> str:
    """Judge a name by RFC 1123 subdomains, as most kinds do."""
    if len(name) > SUBDOMAIN_MAX:
        return f"must be no more than {SUBDOMAIN_MAX} characters"
    if _is_subdomain(name):
        return ""
    return (
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' "
        "or '.', and must start and end with an alphanumeric character (e.g. 'example.com', "
        f"regex used for validation is '{_SUBDOMAIN}')"
    )


def label_name(name: str) -> str:
    """Judge a name by RFC 1123 labels (namespaces, containers, volumes, ports)."""
    if len(name) > LABEL_MAX:
        return f"must be no more than {LABEL_MAX} characters"
    if _is_label(name):
        return ""
    return (
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
        "and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', "
        f"regex used for validation is '{_LABEL}')"
    )


def path_segment_name(name: str) -> str:
    """Judge a name that only has to fit into a path (events are named so)."""
    if name in {".", ".."}:
        return f"may not be '{name}'"
    for character in "/%":
        if character in name:
            return f"may not contain '{character}'"
    return ""


def qualified_name(key: str) -> str:
    """Judge a label key: an optional DNS prefix, a slash, a name of at most 63 characters."""
    prefix, slash, name = key.rpartition("/")
    if "/" in prefix:
        return (
            "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must "
            "start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or "
            f"'123-abc', regex used for validation is '{_QUALIFIED}') with an optional DNS "
            "subdomain prefix and '/' (e.g. 'example.com/MyName')"
        )
    if slash and not _is_subdomain(prefix):
        return (
            f"prefix part {subdomain_name(prefix)}" if prefix else "prefix part must be non-empty"
        )
    if not 0 < len(name) <= LABEL_MAX:
        why = f"be no more than {LABEL_MAX} characters" if name else "be non-empty"
        return f"name part must {why}"
    if _is_qualified(name):
        return ""
    return (
        "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and "
        "end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex "
        f"used for validation is '{_QUALIFIED}')"
    )


def label_value(value: str) -> str:
    """Judge a label's value."""
    if len(value) > LABEL_MAX:
        return f"must be no more than {LABEL_MAX} characters"
    if _is_value(value):
        return ""
    return (
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
        "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or "
        f"'my_value',  or '12345', regex used for validation is '{_VALUE}')"
    )


def label_problems(labels: Mapping[str, str], field: str) -> list[FieldProblem]:
    """Return what is wrong with a label map, in key order."""
    problems = []
    for key in sorted(labels):
        if why := qualified_name(key):
            problems.append(invalid(field, key, why))
        if why := label_value(labels[key]):
            problems.append(invalid(field, labels[key], why))
    return problems


def metadata_problems(
    meta: ObjectMeta, name_rule: NameRule, field: str = "metadata"
) -> list[FieldProblem]:
    """Return what is wrong with metadata that is about to be stored (hot path)."""
    problems: list[FieldProblem] = []
    if meta.generateName and (why := name_rule(_as_prefix(meta.generateName))):
        problems.append(invalid(f"{field}.generateName", meta.generateName, why))
    if not meta.name:
        problems.append(required(f"{field}.name", "name or generateName is required"))
    elif why := name_rule(meta.name):
        problems.append(invalid(f"{field}.name", meta.name, why))
    if meta.labels:
        problems += label_problems(meta.labels, f"{field}.labels")
    if meta.annotations:
        problems += _annotation_problems(meta.annotations, f"{field}.annotations")
    if meta.finalizers:
        problems += _finalizer_problems(meta.finalizers, f"{field}.finalizers")
    if meta.ownerReferences:
        problems += _owner_problems(meta, f"{field}.ownerReferences")
    return problems


def _as_prefix(generate_name: str) -> str:
    """A prefix may end in what a name may not, because more follows."""
    return generate_name[:-1] + "a" if generate_name[-1] in "-." else generate_name


def _annotation_problems(annotations: Mapping[str, str], field: str) -> list[FieldProblem]:
    problems = []
    total = 0
    for key, value in annotations.items():
        total += len(key) + len(value)
        if why := qualified_name(key.lower()):
            problems.append(invalid(field, key, why))
    if total > ANNOTATIONS_MAX_BYTES:
        problems.append(too_long(field, ANNOTATIONS_MAX_BYTES))
    return problems


def _finalizer_problems(finalizers: Iterable[str], field: str) -> list[FieldProblem]:
    return [
        invalid(f"{field}[{index}]", name, why)
        for index, name in enumerate(finalizers)
        if (why := qualified_name(name))
    ]


def _owner_problems(meta: ObjectMeta, field: str) -> list[FieldProblem]:
    problems = []
    controllers = 0
    for index, owner in enumerate(meta.ownerReferences):
        at = f"{field}[{index}]"
        for name, value in (
            ("apiVersion", owner.apiVersion),
            ("kind", owner.kind),
            ("name", owner.name),
            ("uid", owner.uid),
        ):
            if not value:
                problems.append(required(f"{at}.{name}"))
        controllers += owner.controller
    if controllers > 1:
        problems.append(invalid(field, "", "Only one reference can have Controller set to true."))
    return problems


def keep_system_fields(new: ObjectMeta, old: ObjectMeta) -> None:
    """Carry over what no client may change in an update, whatever the request says."""
    new.uid = old.uid
    new.name = old.name
    new.namespace = old.namespace
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


def finalizer_update_problems(new: ObjectMeta, old: ObjectMeta) -> list[FieldProblem]:
    """Return the finalizers that were added to an object that is being deleted."""
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
