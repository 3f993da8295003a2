"""Which recorded errors are answered otherwise, and why; ``test_golden_errors`` holds it."""

from __future__ import annotations

import re
from typing import Final

IN_TEST_GOLDEN_READS: Final = re.compile(
    r"rv\.|list\.continue-wrong|watch-future|expired\.|list-rv-old"
)
"""GETs of versions from the future, expired ones and odd options: they need other histories."""

KINDS: Final = (
    "deployments",
    "statefulsets",
    "jobs",
    "poddisruptionbudgets",
    "rolebindings",
    "priorityclasses",
    "storageclasses",
    "componentstatuses",
)
"""Kinds that are not served yet: records whose path names one."""

NOT_FOUND: Final = ("notfound.version",)
"""Records of such kinds that are answered as recorded all the same."""

FEATURES: Final = {
    "server-side apply": (
        "fieldvalidation.apply-default",
        "patch.malformed-apply",
        "patch.apply-no-manager",
        "patch.apply-with-managedFields",
        "patch.apply-no-kind",
        "patch.apply-name-mismatch",
        "patch.apply-with-rv-missing-object",
        "patch.apply-uid-missing-object",
        "delete.collection-dryrun",  # counts what was applied
    ),
    "eviction": (
        "method.get-eviction",
        "eviction.pending-pdb-unprocessed",
        "eviction.blocked",
        "eviction.blocked-dryrun",
        "eviction.name-mismatch",
        "eviction.wrong-uid",
        "eviction.missing",
        "eviction.v1beta1",
        "eviction.allowed",
        "eviction.pending-pod",
        "eviction.two-budgets",
    ),
    "exec": ("sub.exec-get",),
    "ephemeral containers": (
        "sub.ephemeral",
        "status.pod-put-main",  # keep the one that was added
        "status.pod-status-metadata",
        "status.pod-bad-condition",
    ),
    "resize": ("sub.resize",),
    "tokens of service accounts": ("sub.token",),
    "enforcement of quotas and limit ranges": (
        "admission.quota-usage-after",
        "admission.quota-exceeded",
        "admission.quota-must-specify",
        "admission.quota-exceeded-cpu",
        "admission.limitrange-defaults",
        "admission.limitrange-exceeded",
        "namespace.put-delete-collection",
    ),
}
"""What is not served yet, and the records that need it."""

_PARSER: Final = "another JSON parser's words"
_PATH: Final = "the path of the field is told as well"
_TYPES: Final = "the path of the field is told, without Go's type names"
_DIFF: Final = "the message ends without the difference of Go's structures"
_DUMP: Final = "the refused object is shown in JSON, without managedFields"
_OVERFLOW: Final = "no warning of an amount whose thousandths overflow an int64 in Go"
_ERA: Final = "Endpoints are deprecated from 1.33 on; this server says that it is 1.32"

ON_PURPOSE: Final = {
    "create.invalid-generateName": "the generated name is in the message",
    "create.body-array": _PARSER,
    "create.body-null": "a body of null is refused, not taken for an empty object",
    "create.malformed-json-2": _PARSER,
    "create.invalid-utf8": "bytes that are no UTF-8 are refused, not replaced",
    "create.yaml-wrongtype": _TYPES,
    "create.protobuf-malformed": "another protobuf parser's words",
    "create.protobuf-noprefix": "another protobuf parser's words",
    "invalid.endpoints-port-names": _ERA,
    "warning.endpoints-deprecated": _ERA,
    **{f"badquantity.{number}": _PATH for number in range(11)},
    "badquantity.bool": _PATH,
    "badtype.containers-object": _TYPES,
    "badtype.label-number": _TYPES,
    "badtype.data-number": _TYPES,
    "badtype.data-bool": _TYPES,
    "badtype.bool-string": _TYPES,
    "badtype.base64": _PATH,
    "badtype.time": _PATH,
    "badtype.microtime-one-digit": _PATH,
    "badtype.intorstring-bool": _TYPES,
    "badtype.metadata-string": _TYPES,
    "fieldvalidation.smp-strict": _DUMP,
    "fieldvalidation.mp-strict": _DUMP,
    "fieldvalidation.jp-strict": _DUMP,
    "immutable.pod-spec": _DIFF,
    "immutable.pvc-spec": _DIFF,
    "binding.nodeName-patch": _DIFF,
    "sub.ephemeral-via-main": _DIFF,
    "patch.malformed-json-patch": _PARSER,
    "patch.malformed-json": _PARSER,
    "patch.malformed-smp": _PARSER,
    "patch.mp-array-body": _PARSER,
    "patch.mp-scalar-body": _PARSER,
    "patch.jp-wrong-type": _DUMP,
    "patch.smp-list-for-map": _DUMP,
    "quantity-large.0": _OVERFLOW,
    "quantity-large.1": _OVERFLOW,
    "quantity-large.2": _OVERFLOW,
    "quantity-large.5": _OVERFLOW,
}
"""Answers that differ for good, and why."""

ONLY: Final = {
    _PARSER: (".message",),
    _PATH: (".message",),
    _TYPES: (".message",),
    _DIFF: (".message", ".details.causes"),
    _DUMP: (".message", ".details.causes"),
    _OVERFLOW: ("warnings",),
    _ERA: ("warnings",),
}
"""Where answers may differ for a reason; elsewhere they may not."""

COUNTS: Final = {
    "agreeing": 263,
    "replayed by test_golden_reads": 36,
    "out of scope yet": 74,
    "different on purpose": 50,
}
"""Of all 423 records."""


def missing(record_id: str, path: str) -> str:
    """Return what a record needs that is not served yet; empty where nothing is."""
    for feature, ids in FEATURES.items():
        if record_id in ids:
            return feature
    for kind in KINDS:
        if f"/{kind}" in path and record_id not in NOT_FOUND:
            return kind
    return ""
