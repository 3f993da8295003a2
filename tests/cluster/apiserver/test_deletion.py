"""What a DELETE does to an object: a table of states, wishes and steps."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from cluster.apiserver.deletion import FOREGROUND, ORPHAN, Step, Wish, decide
from cluster.apiserver.registry import served
from serialization.api.core import v1_pb2 as core
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.kinds import EVENTS, NAMESPACES, NODES, PODS, REPLICATION_CONTROLLERS
from serialization.scheme import metadata_of

NOW_S = 1000
STRATEGIES = {each.resource: each for each in served()}
KEEP, UPDATE, TELL, REMOVE = Step.KEEP, Step.UPDATE, Step.UPDATE_THEN_REMOVE, Step.REMOVE
HELD = ("example.com/f",)


class Before(NamedTuple):
    """A pod: its grace while it is being deleted (None: it is not), node, phase, finalizers."""

    grace_s: int | None = None
    bound: bool = True
    phase: str = "Running"
    finalizers: tuple[str, ...] = ()


def pod(before: Before) -> core.Pod:
    made = core.Pod(metadata=ObjectMeta(name="p", generation=1, finalizers=before.finalizers))
    made.spec.terminationGracePeriodSeconds = 30
    made.spec.nodeName = "n" if before.bound else ""
    made.status.phase = before.phase
    if before.grace_s is not None:
        made.metadata.deletionTimestamp.seconds = NOW_S - 10 + before.grace_s
        made.metadata.deletionGracePeriodSeconds = before.grace_s
    return made


@pytest.mark.parametrize(
    ("before", "asked_s", "step", "grace_s", "at_s"),
    [
        (Before(), None, UPDATE, 30, NOW_S + 30),
        (Before(), 5, UPDATE, 5, NOW_S + 5),
        (Before(), 0, TELL, 0, NOW_S),
        (Before(), -1, UPDATE, 1, NOW_S + 1),
        (Before(bound=False), None, TELL, 0, NOW_S),
        (Before(bound=False), 60, TELL, 0, NOW_S),
        (Before(phase="Succeeded"), None, TELL, 0, NOW_S),
        (Before(finalizers=HELD), 0, UPDATE, 0, NOW_S),
        (Before(bound=False, finalizers=HELD), None, UPDATE, 0, NOW_S),
        (Before(30), None, KEEP, 30, NOW_S + 20),
        (Before(30), 60, KEEP, 30, NOW_S + 20),
        (Before(30), 30, KEEP, 30, NOW_S + 20),
        (Before(30), 15, UPDATE, 15, NOW_S + 5),
        (Before(30), 0, TELL, 0, NOW_S - 10),
        (Before(30, finalizers=HELD), 0, UPDATE, 0, NOW_S - 10),
        (Before(0), None, REMOVE, 0, NOW_S - 10),
        (Before(0, finalizers=HELD), 0, KEEP, 0, NOW_S - 10),
    ],
)
def test_grace_of_a_pod(
    before: Before, asked_s: int | None, step: Step, grace_s: int, at_s: int
) -> None:
    obj = pod(before)

    done = decide(STRATEGIES[PODS], obj, Wish(asked_s), NOW_S)

    assert done is step
    assert obj.metadata.deletionGracePeriodSeconds == grace_s
    assert obj.metadata.deletionTimestamp.seconds == at_s


@pytest.mark.parametrize(
    ("has", "policy", "step", "left"),
    [
        ([], "", UPDATE, [ORPHAN]),  # the default of this kind
        ([], "Background", REMOVE, []),
        ([], "Foreground", UPDATE, [FOREGROUND]),
        ([FOREGROUND], "", UPDATE, [FOREGROUND]),
        ([ORPHAN], "Background", REMOVE, []),
        ([ORPHAN, "x/y"], "Foreground", UPDATE, ["x/y", FOREGROUND]),
        (["x/y"], "Background", UPDATE, ["x/y"]),
    ],
)
def test_policy_of_a_controller(has: list[str], policy: str, step: Step, left: list[str]) -> None:
    obj = core.ReplicationController(metadata=ObjectMeta(name="r", generation=3, finalizers=has))

    done = decide(STRATEGIES[REPLICATION_CONTROLLERS], obj, Wish(policy=policy), NOW_S)

    assert done is step
    assert list(obj.metadata.finalizers) == left
    assert obj.metadata.generation == (4 if step is UPDATE else 3)


def test_second_delete_that_changes_nothing_is_no_write() -> None:
    obj = core.ReplicationController(metadata=ObjectMeta(name="r", generation=3))
    wish = Wish(policy="Foreground")

    first = decide(STRATEGIES[REPLICATION_CONTROLLERS], obj, wish, NOW_S)
    again = decide(STRATEGIES[REPLICATION_CONTROLLERS], obj, wish, NOW_S + 5)
    other = decide(STRATEGIES[REPLICATION_CONTROLLERS], obj, Wish(policy="Orphan"), NOW_S + 5)

    assert (first, again, other) == (UPDATE, KEEP, UPDATE)
    assert obj.metadata.deletionTimestamp.seconds == NOW_S
    assert obj.metadata.generation == 4


def test_kinds_differ_in_what_policies_mean() -> None:
    node = core.Node(metadata=ObjectMeta(name="n"))
    event = core.Event(metadata=ObjectMeta(name="e"))
    namespace = core.Namespace(
        metadata=ObjectMeta(name="s"), spec=core.NamespaceSpec(finalizers=["kubernetes"])
    )

    steps = [
        decide(STRATEGIES[NODES], node, Wish(), NOW_S),
        decide(STRATEGIES[EVENTS], event, Wish(policy="Foreground"), NOW_S),
        decide(STRATEGIES[NAMESPACES], namespace, Wish(), NOW_S),
        decide(STRATEGIES[NAMESPACES], namespace, Wish(), NOW_S),
    ]

    assert steps == [REMOVE, REMOVE, UPDATE, KEEP]
    assert namespace.status.phase == "Terminating"
    assert not namespace.metadata.HasField("deletionGracePeriodSeconds")
    assert not metadata_of(event).finalizers
