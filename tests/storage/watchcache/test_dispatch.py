from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serialization.selectors import parse_fields, parse_labels
from storage.virtual_time import run_virtual
from storage.watchcache.config import CacheConfig
from storage.watchcache.dispatch import EventSink
from storage.watchcache.selection import Selection
from tests.storage.watchcache.world import Sink, World, world


def select(namespace: str = "", labels: str = "", fields: str = "") -> Selection:
    return Selection(
        namespace,
        labels,
        fields,
        parse_labels(labels) if labels else None,
        parse_fields(fields) if fields else None,
    )


def subscribe(place: World, selections: Sequence[Selection]) -> list[Sink]:
    sinks = [Sink() for _ in selections]
    for selection, sink in zip(selections, sinks, strict=True):
        place.pods.subscribe(selection, sink)
    return sinks


async def test_pod_event_costs_one_filter_call_of_many_node_watchers() -> None:
    async with world() as place:
        sinks = subscribe(place, [select(fields=f"spec.nodeName=n{i}") for i in range(200)])

        await place.put("a", node="n7")

        assert place.cache.counters.filter_calls == 1
        assert [sink.told for sink in sinks if sink.told] == [[("ADDED", "a", 2)]]
        assert sinks[7].told


async def test_pod_event_is_tried_on_every_watcher_without_the_index() -> None:
    async with world(config=CacheConfig(watch_index=False)) as place:
        sinks = subscribe(place, [select(fields=f"spec.nodeName=n{i}") for i in range(200)])

        await place.put("a", node="n7")

        assert place.cache.counters.filter_calls == 200
        assert [sink.told for sink in sinks if sink.told] == [[("ADDED", "a", 2)]]


async def test_pod_that_is_bound_leaves_one_node_watcher_and_enters_another() -> None:
    async with world() as place:
        pending, bound = subscribe(
            place, [select(fields="spec.nodeName="), select(fields="spec.nodeName=n1")]
        )

        await place.put("a")
        await place.put("a", node="n1")
        await place.drop("a")

        assert pending.told == [("ADDED", "a", 2), ("DELETED", "a", 3)]
        assert bound.told == [("ADDED", "a", 3), ("DELETED", "a", 4)]


async def test_watcher_of_a_name_or_a_namespace_is_looked_up() -> None:
    async with world() as place:
        named, spaced, other = subscribe(
            place,
            [select(fields="metadata.name=a"), select(namespace="blue"), select(namespace="red")],
        )

        await place.put("a", namespace="blue")

        assert place.cache.counters.filter_calls == 2
        assert named.told == spaced.told == [("ADDED", "a", 2)]
        assert other.told == []


async def test_cancelled_subscription_is_told_nothing() -> None:
    async with world() as place:
        sink = Sink()
        subscription = place.pods.subscribe(Selection(), sink)

        subscription.cancel()
        subscription.cancel()
        await place.put("a")

        assert sink.told == []
        assert place.pods.watchers == 0


class Leaver:
    """Cancels another's subscription when it is told, as a flush that overflows may."""

    def __init__(self, place: World) -> None:
        self.victims = [place.pods.subscribe(Selection(), Sink())]

    def notify(self, _event: object) -> None:
        for victim in self.victims:
            victim.cancel()

    def ended(self, _error: object) -> None:
        return


async def test_subscription_may_be_cancelled_while_an_event_is_dispatched() -> None:
    async with world() as place:
        first, last = Leaver(place), Sink()
        before: EventSink = first
        place.pods.subscribe(Selection(), before)
        later = Sink()
        first.victims.append(place.pods.subscribe(Selection(), later))
        place.pods.subscribe(Selection(), last)

        await place.put("a")
        await place.put("b")

        assert later.told == []
        assert last.told == [("ADDED", "a", 2), ("ADDED", "b", 3)]


SELECTIONS = [
    select(fields="spec.nodeName=n1"),
    select(fields="spec.nodeName="),
    select(fields="spec.nodeName!=n1"),
    select(fields="metadata.name=a"),
    select(namespace="default"),
    select(namespace="default", labels="app=x"),
    select(labels="app in (x,y)", fields="spec.nodeName=n2"),
    select(fields="status.phase!=Failed"),
]

STEPS = st.lists(
    st.tuples(
        st.sampled_from(("put", "drop")),
        st.sampled_from("abc"),
        st.sampled_from(("", "n1", "n2")),
        st.sampled_from(("x", "y", "z")),
    ),
    max_size=25,
)


@pytest.mark.slow
@given(STEPS)
def test_indexed_dispatch_tells_what_unindexed_dispatch_tells(
    steps: list[tuple[str, str, str, str]],
) -> None:
    async def told(*, index: bool) -> list[list[tuple[str, str, int]]]:
        async with world(config=CacheConfig(watch_index=index)) as place:
            sinks = subscribe(place, SELECTIONS)
            for step, name, node, app in steps:
                if step == "put":
                    await place.put(name, node, {"app": app})
                elif place.pods.get("default", name) is not None:
                    await place.drop(name)
            return [sink.told for sink in sinks]

    assert run_virtual(told(index=True)) == run_virtual(told(index=False))
