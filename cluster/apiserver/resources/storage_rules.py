"""Rules that hold for volumes and for the claims on them alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from cluster.apiserver.errors import FieldProblem, forbidden_field, invalid, required, unsupported
from cluster.apiserver.resources.value_rules import POSITIVE
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.api.resource_pb2 import Quantity
from serialization.labels import subdomain_errors
from serialization.quantity import nano_value

ACCESS_MODES: Final = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
ALONE: Final = "ReadWriteOncePod"
VOLUME_MODES: Final = ("Block", "Filesystem")
STORAGE: Final = "storage"
CLASS_ANNOTATION: Final = "volume.beta.kubernetes.io/storage-class"
_NANO: Final = 10**9


def access_mode_problems(modes: Sequence[str], field: str, why_needed: str) -> list[FieldProblem]:
    """Return what is wrong with a list of access modes."""
    problems = [] if modes else [required(field, why_needed)]
    problems += [
        unsupported(field, mode, ACCESS_MODES) for mode in modes if mode not in ACCESS_MODES
    ]
    if ALONE in modes and any(mode != ALONE for mode in modes if mode in ACCESS_MODES):
        why = f"may not use {ALONE} with other access modes"
        problems.append(forbidden_field(field, why))
    return problems


def class_problems(name: str, field: str) -> list[FieldProblem]:
    """Return what is wrong with the name of a class; the empty one means none."""
    return [invalid(field, name, why) for why in subdomain_errors(name)] if name else []


def positive_problems(text: str, field: str) -> list[FieldProblem]:
    """Return what is wrong with an amount of storage."""
    return [] if nano_value(text) > 0 else [invalid(field, text, POSITIVE)]


def volume_mode_problems(mode: str, field: str) -> list[FieldProblem]:
    """Return what is wrong with how a volume is to appear."""
    return [] if mode in VOLUME_MODES else [unsupported(field, mode, VOLUME_MODES)]


def class_warnings(meta: ObjectMeta) -> list[str]:
    """Return what is to be said of a class that stands where classes stood at first."""
    if CLASS_ANNOTATION not in meta.annotations:
        return []
    return [
        f"metadata.annotations[{CLASS_ANNOTATION}]: deprecated since v1.8; use "
        '"storageClassName" attribute instead'
    ]


def size_warnings(amounts: Mapping[str, Quantity], field: str) -> list[str]:
    """Return what is to be said of a part of a byte."""
    if STORAGE not in amounts or not nano_value(amounts[STORAGE].string) % _NANO:
        return []
    text = amounts[STORAGE].string
    return [f'{field}[{STORAGE}]: fractional byte value "{text}" is invalid, must be an integer']
