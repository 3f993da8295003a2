"""The garbage collector on the fake API: states, and what they come to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from cluster.client.failures import failure
from cluster.client.fake import FakeApi
from cluster.client.interface import ObjectKey, Propagation, TransportError
from serialization.api.core import v1_pb2 as core
from serialization.api.meta.v1_pb2 import OwnerReference
from serialization.kinds import CONFIG_MAPS, PODS, SECRETS
from storage.virtual_time import VirtualClock, run_virtual
from tests.cluster.controllers.garbage.rig import Rig, config_map, meta, owned_by, reference, rig

CASCADES = (Propagation.BACKGROUND, Propagation.FOREGROUND)


def run(scenario: Callable[[Rig], Awaitable[None]], before: FakeApi | None = None) -> None:
    async def main() -> None:
        async with rig(before) as at:
            await scenario(at)

    run_virtual(main())


@pytest.mark.parametrize("policy", CASCADES)
def test_dependents_of_all_depths_go_with_their_owner(policy: Propagation) -> None:
    async def scenario(at: Rig) -> None:
        top = at.make("top")
        middle = at.make("middle", [owned_by(top)])
        at.make("bottom", [owned_by(middle)])
        at.make("free")
        await at.settle()

        await at.delete("top", policy)
        await at.settle()

        assert at.owners() == {"free": []}
        assert len(at.collector.graph) == 1

    run(scenario)


def test_dependent_that_comes_when_its_owner_is_known_to_be_gone_goes_too() -> None:
    """As long as another dependent stands, the graph keeps the place of the owner that is gone."""

    async def scenario(at: Rig) -> None:
        top = at.make("top")
        at.make("stands", [owned_by(top)], finalizers=["example.com/f"])
        await at.settle()
        await at.delete("top", Propagation.BACKGROUND)
        await at.settle()

        at.make("late", [owned_by(top)])
        await at.settle()

        assert at.owners() == {"stands": ["top"]}

    run(scenario)


def test_foreground_owner_goes_after_its_blocking_dependents() -> None:
    async def scenario(at: Rig) -> None:
        top = at.make("top")
        at.make("held", [owned_by(top)], finalizers=["example.com/f"])
        at.make("loose", [owned_by(top, blocks=False)], finalizers=["example.com/f"])
        await at.settle()

        await at.delete("top", Propagation.FOREGROUND)
        await at.settle()
        waiting = at.owners()
        await at.release("loose")
        await at.settle()
        still = at.owners()
        await at.release("held")
        await at.settle()

        assert set(waiting) == {"top", "held", "loose"}
        assert set(still) == {"top", "held"}
        assert at.owners() == {}

    run(scenario)


def test_dependent_that_stops_to_block_lets_its_owner_go() -> None:
    async def scenario(at: Rig) -> None:
        top = at.make("top")
        at.make("held", [owned_by(top)], finalizers=["example.com/f"])
        await at.settle()
        await at.delete("top", Propagation.FOREGROUND)
        await at.settle()

        held = await at.api.get(CONFIG_MAPS, core.ConfigMap, ObjectKey("ns", "held"))
        held.metadata.ownerReferences[0].blockOwnerDeletion = False
        await at.api.update(CONFIG_MAPS, held)
        await at.settle()

        assert set(at.owners()) == {"held"}

    run(scenario)


def test_orphans_lose_the_reference_and_live() -> None:
    async def scenario(at: Rig) -> None:
        top, other = at.make("top"), at.make("other")
        at.make("a", [owned_by(top)])
        at.make("b", [owned_by(top), owned_by(other)])
        await at.settle()

        await at.delete("top", Propagation.ORPHAN)
        await at.settle()

        assert at.owners() == {"a": [], "b": ["other"], "other": []}

    run(scenario)


@pytest.mark.parametrize("policy", CASCADES)
def test_dependent_of_a_living_owner_loses_only_the_dangling_reference(
    policy: Propagation,
) -> None:
    async def scenario(at: Rig) -> None:
        one, two = at.make("one"), at.make("two")
        at.make("both", [owned_by(one), owned_by(two)])
        await at.settle()

        await at.delete("one", policy)
        await at.settle()
        kept = at.owners()
        await at.delete("two", policy)
        await at.settle()

        assert kept == {"both": ["two"], "two": []}
        assert at.owners() == {}

    run(scenario)


def test_circle_goes_when_one_of_it_is_deleted_in_the_foreground() -> None:
    async def scenario(at: Rig) -> None:
        first = at.make("first")
        second = at.make("second", [owned_by(first)])
        third = at.make("third", [owned_by(second)])
        first.metadata.ownerReferences.append(owned_by(third))
        at.api.put(first)
        await at.settle()
        assert len(at.owners()) == 3

        await at.delete("first", Propagation.FOREGROUND)
        await at.settle()

        assert at.owners() == {}

    run(scenario)


@pytest.mark.parametrize(
    "owner",
    [
        reference("never-was", "uid-x"),
        reference("top", "uid-of-a-namesake"),
        reference("top", "uid-x", kind="Secret"),
    ],
    ids=["no such name", "another uid", "another kind"],
)
def test_object_whose_owner_is_not_there_goes(owner: OwnerReference) -> None:
    async def scenario(at: Rig) -> None:
        at.make("top")
        at.make("lost", [owner])
        await at.settle()

        assert at.owners() == {"top": []}

    run(scenario)


@pytest.mark.parametrize(
    "owner",
    [
        reference("w", "uid-x", kind="Widget", version="example.com/v1"),
        reference("d", "uid-x", kind="Deployment", version="apps/v1"),
    ],
    ids=["not in the scheme", "not served"],
)
def test_object_of_an_owner_of_a_kind_that_is_not_served_stays(
    owner: OwnerReference,
) -> None:
    async def scenario(at: Rig) -> None:
        at.make("kept", [owner])
        await at.settle()

        assert at.owners() == {"kept": [owner.name]}
        assert not at.api.acted()

    run(scenario)


def test_owner_in_another_namespace_is_no_owner_and_told() -> None:
    async def scenario(at: Rig) -> None:
        top = at.make("top", namespace="elsewhere")
        at.make("lost", [owned_by(top)])
        await at.settle()

        assert at.owners() == {"top": []}
        assert at.said.events == [("lost", "OwnerRefInvalidNamespace")]

    run(scenario)


def test_cluster_scoped_object_with_an_owner_in_a_namespace_stays_and_is_told() -> None:
    async def scenario(at: Rig) -> None:
        top = at.make("top")
        node = core.Node()
        node.metadata.name = "n1"
        node.metadata.ownerReferences.extend([owned_by(top), reference("gone", "x", kind="Node")])
        at.api.add(node)
        await at.settle()

        (kept,) = at.api.objects(core.Node)
        assert [owner.name for owner in kept.metadata.ownerReferences] == ["top"]
        assert set(at.said.events) == {("n1", "OwnerRefInvalidNamespace")}

    run(scenario)


def test_owner_that_is_only_late_keeps_its_dependent() -> None:
    """The dependent is seen first: a live read finds the owner, whatever the informers have."""

    async def scenario(at: Rig) -> None:
        at.api.drop_watch()
        top = at.make("top")
        at.make("kept", [owned_by(top)])
        await at.settle()
        assert at.owners() == {"top": [], "kept": ["top"]}

        await at.delete("top", Propagation.BACKGROUND)
        await at.settle()

        assert at.owners() == {}

    run(scenario)


def test_what_was_missed_while_away_is_found_at_the_start() -> None:
    api = FakeApi(VirtualClock())

    async def scenario(at: Rig) -> None:
        await at.settle()
        assert at.owners() == {"top": [], "kept": ["top"]}

    async def main() -> None:
        top = api.add(config_map("top"))
        api.add(config_map("kept", [owned_by(top)]))
        api.add(config_map("lost", [reference("old", "uid-old")]))
        async with rig(api) as at:
            await scenario(at)

    run_virtual(main())


@pytest.mark.parametrize(
    ("verb", "error"),
    [
        ("get", TransportError("torn")),
        ("get", failure(500)),
        ("delete", failure(409)),
        ("delete", TransportError("torn")),
        ("patch", failure(409)),
        ("patch", failure(503)),
    ],
)
def test_what_fails_is_tried_again(verb: str, error: Exception) -> None:
    async def scenario(at: Rig) -> None:
        top, other = at.make("top"), at.make("other")
        at.make("a", [owned_by(top)])
        at.make("b", [owned_by(top), owned_by(other)])
        await at.settle()
        at.api.fail_next(verb, error, times=3)

        at.api.remove(CONFIG_MAPS, ObjectKey("ns", "top"))
        await at.settle()

        assert at.owners() == {"b": ["other"], "other": []}

    run(scenario)


def test_one_read_of_a_gone_owner_serves_all_its_dependents() -> None:
    async def scenario(at: Rig) -> None:
        top = at.make("top")
        for index in range(50):
            at.make(f"d{index}", [owned_by(top)])
        await at.settle()
        before = at.collector.live.reads

        await at.delete("top", Propagation.BACKGROUND)
        await at.settle()

        assert at.owners() == {}
        # Each dependent once, and their owner once for each worker that asked before it was known.
        assert at.collector.live.reads - before <= 50 + 5

    run(scenario)


def test_kind_that_is_served_later_joins_by_itself() -> None:
    api = FakeApi(VirtualClock())

    async def main() -> None:
        async with rig(api, served=[PODS, SECRETS]) as at:
            owner = reference("old", "uid-old")
            at.make("lost", [owner])
            api.add(core.Secret(metadata=meta("kept", [reference("top", "uid-x")])))
            await at.settle()
            before = at.owners()
            api.served = (*api.served, CONFIG_MAPS)
            await asyncio.sleep(60)

            assert before == {"lost": ["old"]}
            assert at.owners() == {}
            assert api.objects(core.Secret) == []

    run_virtual(main())


def test_discovery_that_fails_at_the_start_is_tried_again() -> None:
    api = FakeApi(VirtualClock())
    api.fail_next("document", TransportError("away"), times=3)

    async def main() -> None:
        async with rig(api) as at:
            at.make("lost", [reference("old", "uid-old")])
            await at.settle()
            assert at.owners() == {}

    run_virtual(main())


def test_two_owners_that_wait_for_each_other_go() -> None:
    async def scenario(at: Rig) -> None:
        one = at.make("one")
        two = at.make("two", [owned_by(one)])
        one.metadata.ownerReferences.append(owned_by(two))
        at.api.put(one)
        await at.settle()

        await at.delete("one", Propagation.FOREGROUND)
        await at.delete("two", Propagation.FOREGROUND)
        await at.settle()

        assert at.owners() == {}

    run(scenario)
