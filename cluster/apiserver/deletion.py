"""What a DELETE does to an object, decided: pure functions on the message, no reads, no writes.

Kubernetes' rules (its registry's ``BeforeDelete`` and the finalizers of garbage collection). A kind
is *graceful* when its objects are first told that they are going (pods: their kubelet ends them);
every other goes at once, unless finalizers hold it. A worked example, a pod with grace 30::

    DELETE                    UPDATE   deletionTimestamp = now + 30, grace 30
    DELETE                    KEEP     it is on its way already
    DELETE, grace 5           UPDATE   shorter, so the time moves: now + 5
    DELETE, grace 60          KEEP     it never gets longer
    DELETE, grace 0           UPDATE_THEN_REMOVE   watchers see MODIFIED with grace 0, then DELETED
    DELETE, grace 0, but a finalizer is there      UPDATE
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final, NamedTuple

from google.protobuf.message import Message

from cluster.apiserver.resources.interface import Strategy
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.scheme import metadata_of
from serialization.times import LAST_SECOND

ORPHAN: Final = "orphan"
FOREGROUND: Final = "foregroundDeletion"
FINALIZER_OF: Final = {"Orphan": ORPHAN, "Foreground": FOREGROUND, "Background": ""}
"""What a policy puts on an object for the garbage collector to do."""


class Wish(NamedTuple):
    """What a DELETE asks for, from its body or its query."""

    grace_s: int | None = None
    uid: str = ""
    revision: int = 0
    dry_run: bool = False
    policy: str = ""
    """Orphan, Foreground, Background; empty: what the object's finalizers or its kind say."""


class Step(Enum):
    """What is to be done with the object as it now is."""

    KEEP = auto()
    """Nothing: it is being deleted already, and this changes nothing about it."""
    UPDATE = auto()
    """Write it; it lives on for now."""
    UPDATE_THEN_REMOVE = auto()
    REMOVE = auto()


def decide(strategy: Strategy[Message], obj: Message, wish: Wish, now_s: int) -> Step:
    """Bring an object into the state that a DELETE gives it; return what is to be done with it.

    ``now_s`` is the wall time in whole seconds.
    """
    meta = metadata_of(obj)
    graceful = False
    if strategy.graceful:
        moved = _grace(strategy, obj, wish.grace_s, now_s)
        if moved is None:
            return Step.KEEP
        graceful = moved
    changed = _set_finalizers(strategy, meta, wish.policy)
    if graceful:
        if meta.finalizers or meta.deletionGracePeriodSeconds:
            return Step.UPDATE
        return Step.UPDATE_THEN_REMOVE
    if not meta.finalizers and strategy.may_go(obj):
        return Step.REMOVE
    changed |= _mark(strategy, obj, now_s)
    return Step.UPDATE if changed else Step.KEEP


def _grace(
    strategy: Strategy[Message], obj: Message, asked_s: int | None, now_s: int
) -> bool | None:
    """Set time and grace; False: its grace is over; None: it is in grace and stays so."""
    meta = metadata_of(obj)
    if asked_s is not None and asked_s < 0:
        asked_s = 1
    if not meta.HasField("deletionTimestamp"):
        grace_s = min(strategy.grace_s(obj, asked_s), LAST_SECOND - now_s)
        strategy.prepare_delete(obj)
    else:
        left_s = meta.deletionGracePeriodSeconds
        if not left_s:
            return False
        if asked_s is None or asked_s >= left_s:
            return None
        grace_s, now_s = asked_s, meta.deletionTimestamp.seconds - left_s
    meta.deletionTimestamp.Clear()
    meta.deletionTimestamp.seconds = now_s + grace_s
    meta.deletionGracePeriodSeconds = grace_s
    return True


def _mark(strategy: Strategy[Message], obj: Message, now_s: int) -> bool:
    """Say that an object is being deleted that something holds; tell whether that is news."""
    meta = metadata_of(obj)
    if meta.HasField("deletionTimestamp"):
        return False
    meta.deletionTimestamp.seconds = now_s
    strategy.prepare_delete(obj)
    if strategy.tells_grace:
        meta.deletionGracePeriodSeconds = 0
        if meta.generation:
            meta.generation += 1
    return True


def _set_finalizers(strategy: Strategy[Message], meta: ObjectMeta, policy: str) -> bool:
    """Leave the one finalizer that the policy wants, of the garbage collector's two."""
    if not strategy.collected:
        return False
    wanted = _wanted_finalizer(strategy, meta, policy)
    before = list(meta.finalizers)
    after = [name for name in before if name not in {ORPHAN, FOREGROUND}]
    if wanted:
        after.append(wanted)
    if sorted(before) == sorted(after):
        return False
    del meta.finalizers[:]
    meta.finalizers.extend(after)
    return True


def _wanted_finalizer(strategy: Strategy[Message], meta: ObjectMeta, policy: str) -> str:
    if policy:
        return FINALIZER_OF[policy]
    for name in (ORPHAN, FOREGROUND):
        if name in meta.finalizers:
            return name
    return ORPHAN if strategy.orphans_dependents else ""
