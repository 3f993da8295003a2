"""Random owner graphs, random deletions under all policies: what is left is what a model says."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.client.failures import failure
from cluster.client.interface import Propagation
from serialization.api.meta.v1_pb2 import OwnerReference
from storage.virtual_time import run_virtual
from tests.cluster.controllers.garbage.rig import Rig, owned_by, reference, rig

NAMES = [f"o{index}" for index in range(8)]
POLICIES = (Propagation.BACKGROUND, Propagation.FOREGROUND, Propagation.ORPHAN)


class Link(NamedTuple):
    """An owner of an object; one that is none of the names never existed."""

    owner: str
    blocks: bool


class Fault(StrEnum):
    """What goes wrong while a deletion is followed up."""

    GET = "get"
    DELETE = "delete"
    PATCH = "patch"
    TORN = "every watch is torn"
    EXPIRED = "every watch is torn, and the history is gone"


class Story(NamedTuple):
    """Objects with their owners, circles among them, and deletions, one after the other."""

    owners: dict[str, list[Link]]
    deletions: list[tuple[str, Propagation, list[Fault]]]


LINKS = st.builds(Link, st.sampled_from([*NAMES, "ghost"]), st.booleans())
STORIES = st.builds(
    Story,
    st.dictionaries(
        st.sampled_from(NAMES), st.lists(LINKS, max_size=3, unique_by=lambda link: link.owner)
    ),
    st.lists(
        st.tuples(
            st.sampled_from(NAMES),
            st.sampled_from(POLICIES),
            st.lists(st.sampled_from(Fault), max_size=3),
        ),
        max_size=4,
    ),
)


class Model:
    """What should be left, as simply as it can be said."""

    def __init__(self, owners: dict[str, list[Link]]) -> None:
        self.owners = {name: [link.owner for link in links] for name, links in owners.items()}
        self._settle()

    def delete(self, name: str, policy: Propagation) -> None:
        if name not in self.owners:
            return
        del self.owners[name]
        if policy is Propagation.ORPHAN:
            for links in self.owners.values():
                if name in links:
                    links.remove(name)
        self._settle()

    def _settle(self) -> None:
        """Whatever has owners, all of them gone, goes; other references to what is gone go."""
        while lost := [
            name
            for name, links in self.owners.items()
            if links and not any(owner in self.owners for owner in links)
        ]:
            for name in lost:
                del self.owners[name]
        for links in self.owners.values():
            links[:] = [owner for owner in links if owner in self.owners]


async def _make(at: Rig, owners: dict[str, list[Link]]) -> None:
    """Make all objects first, as circles need it, and then tell their owners."""
    made = {name: at.make(name) for name in owners}

    def refer(link: Link) -> OwnerReference:
        if link.owner in made:
            return owned_by(made[link.owner], blocks=link.blocks)
        return reference(link.owner, f"uid-of-{link.owner}", blocks=link.blocks)

    for name, links in owners.items():
        made[name].metadata.ownerReferences.extend(refer(link) for link in links)
        at.api.put(made[name])


def _disturb(at: Rig, faults: list[Fault]) -> None:
    for fault in faults:
        if fault is Fault.TORN:
            at.api.drop_watch()
        elif fault is Fault.EXPIRED:
            at.api.expire()
        else:
            at.api.fail_next(fault.value, failure(503), times=2)


async def _live(story: Story) -> None:
    async with rig() as at:
        await _make(at, story.owners)
        model = Model(story.owners)
        await at.settle()
        assert at.owners() == model.owners
        for name, policy, faults in story.deletions:
            if name in model.owners:
                await at.delete(name, policy)
                model.delete(name, policy)
            _disturb(at, faults)
            await asyncio.sleep(120)
            assert at.owners() == model.owners
        assert len(at.collector.graph) == len(model.owners)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(story=STORIES)
def test_what_is_left_is_what_the_model_says(story: Story) -> None:
    run_virtual(_live(story))
