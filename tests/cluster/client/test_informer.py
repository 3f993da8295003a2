"""Informers against the fake API: what is told, what is kept, what is shared."""

from __future__ import annotations

import asyncio
import random
from typing import TypeVar

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.client.fake import FakeApi
from cluster.client.indexer import EntryMaker
from cluster.client.informer import InformerFactory
from cluster.client.interface import CachedObject, ObjectKey, Selection
from serialization.api.core.v1_pb2 import Pod
from serialization.api.meta.v1_pb2 import OwnerReference
from serialization.kinds import PODS
from storage.clock import SystemClock
from tests.cluster.client.following import Recording, informed, pod, watching

M = TypeVar("M", bound=Message)


def test_informer_tells_the_list_then_every_change_in_order() -> None:
    async def scenario() -> list[tuple[str, str]]:
        api = FakeApi()
        api.add(pod("a"))
        async with informed(api) as (_, informer, sink):
            api.add(pod("b"))
            api.put(pod("b", "n"))
            api.remove(PODS, ObjectKey("default", "a"))
            await sink.until(lambda: len(sink.told) == 4)
            assert [entry.key.name for entry in informer.lister.list()] == ["b"]
        return sink.told

    assert asyncio.run(scenario()) == [
        ("added", "a"),
        ("added", "b"),
        ("updated", "b"),
        ("deleted", "a"),
    ]


def test_entries_have_a_header_and_parse_on_use() -> None:
    async def scenario() -> None:
        api = FakeApi()
        owned = pod("a", "n", tier="x")
        owned.metadata.ownerReferences.append(OwnerReference(uid="u", controller=True))
        owned.status.phase = "Running"
        api.add(owned)
        async with informed(api) as (_, informer, _sink):
            entry = informer.lister.get(ObjectKey("default", "a"))
            assert entry is not None
            assert (entry.owner_uid, entry.node_name, entry.phase) == ("u", "n", "Running")
            assert (entry.labels, entry.deleting) == ({"tier": "x"}, False)
            assert entry.received_ns > 0
            first = entry.message()
            first.spec.nodeName = "changed"
            assert entry.message().spec.nodeName == "n"
            assert entry.message().metadata.resourceVersion == entry.resource_version

    asyncio.run(scenario())


def test_first_parse_is_lent_once_while_the_event_is_told_and_then_dropped() -> None:
    class Counting(FakeApi):
        parses = 0

        def decode(self, message: type[M], bare: bytes) -> M:
            self.parses += 1
            return super().decode(message, bare)

    class Reading(Recording):
        read: list[Pod]

        def added(self, new: CachedObject[Pod]) -> None:
            self.read = [new.message(), new.message()]
            self.read[0].spec.nodeName = "changed"
            super().added(new)

    async def scenario() -> None:
        api = Counting()
        async with informed(api) as (_, informer, _sink):
            reading = Reading()
            informer.subscribe(reading)
            await watching(api)
            api.add(pod("a", "n"))
            await reading.until(lambda: bool(reading.told))
            assert api.parses == 2  # one for the header and the first reader, one for the second
            assert reading.read[1].spec.nodeName == "n"
            entry = informer.lister.get(ObjectKey("default", "a"))
            assert entry is not None
            assert entry.message().spec.nodeName == "n"
            assert api.parses == 3

    asyncio.run(scenario())


def test_all_who_peek_while_an_event_is_told_share_its_parse_until_it_is_taken() -> None:
    parses = 0

    def parse(bare: bytes) -> Pod:
        nonlocal parses
        parses += 1
        return Pod.FromString(bare)

    entry = EntryMaker(parse).entry(pod("a", "n").SerializeToString(), 1)

    first, second, taken = entry.peek(), entry.peek(), entry.message()
    taken.spec.nodeName = "changed"

    assert first is second is taken
    assert parses == 1
    assert entry.peek().spec.nodeName == "n"
    entry.settle()
    assert entry.peek() is not entry.peek()


def test_indexes_follow_changes_whenever_they_were_added() -> None:
    def names(entries: object) -> list[str]:
        return sorted(entry.key.name for entry in entries)  # type: ignore[attr-defined]  # a lister's answer

    async def scenario() -> None:
        api = FakeApi()
        api.add(pod("a", "n"))
        api.add(pod("z", "n", namespace="other"))
        async with informed(api) as (_, informer, sink):
            informer.add_index("node", lambda entry: (entry.node_name,) if entry.node_name else ())
            api.add(pod("b", "n"))
            api.put(pod("a", "m"))
            await sink.until(lambda: len(sink.told) == 4)
            lister = informer.lister
            assert names(lister.by_index("node", "n")) == ["b", "z"]
            assert names(lister.by_index("node", "m")) == ["a"]
            assert names(lister.list("default")) == ["a", "b"]
            assert len(lister) == 3
            api.remove(PODS, ObjectKey("default", "a"))
            await sink.until(lambda: len(sink.told) == 5)
            assert names(lister.by_index("node", "m")) == []
            with pytest.raises(ValueError, match="node"):
                informer.add_index("node", lambda entry: ())

    asyncio.run(scenario())


@pytest.mark.parametrize(("shared", "lists"), [(True, 1), (False, 3)])
def test_factory_shares_an_informer_or_makes_each_its_own(shared: bool, lists: int) -> None:
    async def scenario() -> tuple[int, int]:
        api = FakeApi()
        async with (
            asyncio.timeout(90),
            InformerFactory(api, SystemClock(), random.Random(1), shared=shared) as factory,
        ):
            informers = [factory.informer(PODS, Pod) for _ in range(3)]
            for informer in informers:
                await informer.wait_synced()
            await watching(api, lists)
            return factory.counters().lists, len(api.acted("list"))

    assert asyncio.run(scenario()) == (lists, lists)


def test_sink_that_fails_does_not_keep_others_from_being_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Failing(Recording):
        def added(self, new: CachedObject[Pod]) -> None:
            raise RuntimeError("a defect of the test's")

    async def scenario() -> list[tuple[str, str]]:
        api = FakeApi()
        async with informed(api) as (_, informer, sink):
            informer.subscribe(Failing())
            late = Recording()
            api.add(pod("a"))
            await sink.until(lambda: bool(sink.told))
            informer.subscribe(late)
            api.add(pod("b"))
            await late.until(lambda: len(late.told) == 2)
            return late.told

    assert asyncio.run(scenario()) == [("added", "a"), ("added", "b")]
    assert "a sink failed" in caplog.text


class Mirror(Recording):
    def __init__(self) -> None:
        super().__init__()
        self.state: dict[str, str] = {}

    def added(self, new: CachedObject[Pod]) -> None:
        assert new.key.name not in self.state
        self.state[new.key.name] = new.resource_version
        super().added(new)

    def updated(self, old: CachedObject[Pod], new: CachedObject[Pod]) -> None:
        assert self.state[new.key.name] == old.resource_version
        self.state[new.key.name] = new.resource_version
        super().updated(old, new)

    def deleted(self, last: CachedObject[Pod]) -> None:
        del self.state[last.key.name]
        super().deleted(last)


async def perform(api: FakeApi, step: tuple[str, str, str]) -> None:
    action, name, node = step
    there = {obj.metadata.name for obj in api.objects(Pod)}
    match action:
        case "put":
            (api.put if name in there else api.add)(pod(name, node))
        case "remove" if name in there:
            api.remove(PODS, ObjectKey("default", name))
        case "drop":
            api.drop_watch()
        case "expire":
            api.expire()
        case "end":
            api.end_watch()
        case "bookmark":
            api.bookmark()
        case _:
            await asyncio.sleep(0)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from("abcde"), st.sampled_from("mn")),
        st.tuples(st.just("remove"), st.sampled_from("abcde"), st.just("")),
        st.tuples(
            st.sampled_from(["drop", "expire", "end", "bookmark", "turn"]),
            st.just(""),
            st.just(""),
        ),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, selection=st.sampled_from([Selection(), Selection(fields="spec.nodeName=n")]))
def test_informer_ends_equal_to_the_server_and_so_does_its_sink(
    steps: list[tuple[str, str, str]], selection: Selection
) -> None:
    async def scenario() -> None:
        api = FakeApi()
        async with informed(api, selection) as (_, informer, _sink):
            mirror = Mirror()
            informer.subscribe(mirror)
            for step in steps:
                await perform(api, step)
            await watching(api)
            api.add(pod("last", "n"))
            await mirror.until(lambda: "last" in mirror.state)
            expected = {
                obj.metadata.name: obj.metadata.resourceVersion
                for obj in api.objects(Pod)
                if not selection.fields or obj.spec.nodeName == "n"
            }
            cached = {e.key.name: e.resource_version for e in informer.lister.list()}
            assert cached == expected
            assert mirror.state == expected

    asyncio.run(scenario())
