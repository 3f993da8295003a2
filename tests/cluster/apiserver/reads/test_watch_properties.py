"""What a client can rely on: a list, and every change from there, is the state."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serialization.api.core.v1_pb2 import Pod
from storage.virtual_time import run_virtual
from tests.cluster.apiserver.reads.rig import Client, Rig, rig, select

SELECTIONS = [
    select(),
    select(namespace="default"),
    select(namespace="other"),
    select(labels="app=x"),
    select(labels="app!=x", fields="spec.nodeName!="),
    select(fields="spec.nodeName=n1"),
    select(fields="metadata.name=a"),
    select("default", "app in (x,y)", "status.phase=Running"),
]


class Step(NamedTuple):
    """Something that happens: a write, or a client that comes."""

    act: str
    name: str
    namespace: str
    node: str
    app: str
    turns: int
    """Turns of the loop that pass after it."""


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from(("put", "put", "drop", "list", "watch")),
        st.sampled_from("abcd"),
        st.sampled_from(("default", "other")),
        st.sampled_from(("", "n1", "n2")),
        st.sampled_from("xyz"),
        st.integers(0, 5),
    ),
    max_size=30,
)

State = dict[tuple[str, str], str]


class Follower:
    """A client that lists and watches from there, or watches from nothing."""

    def __init__(self, client: Client, listed: list[Pod]) -> None:
        self._client = client
        self._listed = listed

    def state(self) -> State:
        """Return names and versions; checks that every event fits the state it comes to."""
        state = {key(pod): pod.metadata.resourceVersion for pod in self._listed}
        newest = 0
        for event in self._client.told:
            version = int(event.pod.metadata.resourceVersion)
            if event.type == "BOOKMARK":
                newest = version
                continue
            known = key(event.pod) in state
            assert known is (event.type != "ADDED"), event.short
            assert event.type == "ADDED" or version > newest
            newest = max(newest, version)
            if event.type == "DELETED":
                del state[key(event.pod)]
            else:
                state[key(event.pod)] = event.pod.metadata.resourceVersion
        return state


def key(pod: Pod) -> tuple[str, str]:
    return pod.metadata.namespace, pod.metadata.name


async def write(made: Rig, step: Step) -> None:
    labels = {"app": step.app}
    if step.act == "put":
        await made.place.put(
            step.name, step.node, labels, namespace=step.namespace, phase="Running"
        )
    elif made.place.pods.get(step.namespace, step.name) is not None:
        await made.place.drop(step.name, namespace=step.namespace)


async def follow(steps: list[Step], number: int, codec: str) -> tuple[list[State], State]:
    selection = SELECTIONS[number]
    async with rig() as made:
        followers: list[Follower] = []
        for step in steps:
            if step.act == "list":
                head, listed, _ = await made.list(selection=selection, codec=codec)
                query = f"resourceVersion={head['resourceVersion']}&allowWatchBookmarks=1"
                followers.append(Follower(made.watch(query, selection, codec)[0], listed))
            elif step.act == "watch":
                followers.append(Follower(made.watch("", selection, codec)[0], []))
            else:
                await write(made, step)
            for _ in range(step.turns):
                await made.settle_one()
        await made.settle()
        _, final, _ = await made.list(selection=selection, codec=codec)
        return (
            [follower.state() for follower in followers],
            {key(pod): pod.metadata.resourceVersion for pod in final},
        )


@pytest.mark.slow
@settings(deadline=None)
@given(STEPS, st.integers(0, len(SELECTIONS) - 1), st.sampled_from(("orjson", "protobuf")))
def test_list_and_the_events_after_it_are_the_final_list(
    steps: list[Step], selection: int, codec: str
) -> None:
    states, final = run_virtual(follow(steps, selection, codec))

    assert all(state == final for state in states)


@pytest.mark.slow
@settings(deadline=None)
@given(STEPS, st.integers(0, len(SELECTIONS) - 1), st.data())
def test_watch_resumed_at_any_revision_tells_the_rest(
    steps: list[Step], selection: int, data: st.DataObject
) -> None:
    async def resumed() -> tuple[list[tuple[str, str, str]], list[tuple[str, str, str]], int]:
        chosen = SELECTIONS[selection]
        async with rig() as made:
            whole, _ = made.watch("resourceVersion=1", chosen)
            for step in steps:
                await write(made, step)
            await made.settle()
            point = data.draw(st.integers(1, made.place.cache.revision))
            rest, _ = made.watch(f"resourceVersion={point}", chosen)
            await made.settle()
            return whole.short, rest.short, point

    told, rest, point = run_virtual(resumed())

    assert rest == [event for event in told if int(event[2]) > point]
