"""An API server that stops or dies, and starts again on the same store: nothing lost or doubled."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

import pytest

from cluster.apiserver.asgi import RequestEvent, Scope, SendEvent
from cluster.apiserver.fanout.config import FanoutConfig, WatchWrite
from cluster.apiserver.fanout.fanout import Fanout
from cluster.apiserver.reads.reads import Reads
from cluster.apiserver.reads.watching import Target, Wire
from cluster.apiserver.views.plain import PlainView
from serialization.api.core.v1_pb2 import Pod
from serialization.codecs.registry import CODECS
from serialization.kinds import NODES, PODS
from storage.clock import SystemClock
from storage.engine.committer import InlineCommitter, ThreadCommitter
from storage.engine.store import EngineStore, Parts
from storage.errors import ConflictError, KeyExistsError, KeyNotFoundError, StoreError
from storage.etcd3.backend import Etcd3Backend
from storage.interface import Store
from storage.records import Change
from storage.registry import STORES, StoreOptions
from storage.watchcache.cache import WatchCache
from storage.watchcache.resource import ResourceCache
from storage.watchcache.selection import Selection
from tests.cluster.apiserver.reads.rig import rig, select
from tests.storage.recorder import Recorder
from tests.storage.watchcache.world import World

RESTARTS: Final = 50
WATCHERS: Final = 120
WRITES: Final = 48
"""Between two restarts."""

SELECTIONS: Final = (
    select(),
    select("default"),
    select(labels="app=x"),
    select(fields="spec.nodeName=n1"),
    select("other", fields="metadata.name=p3"),
)


class Told(NamedTuple):
    """An event, as far as it matters here."""

    type: str
    namespace: str
    name: str
    revision: int


class Follower:
    """A client that watches, is cut off, and watches again from what it saw last."""

    def __init__(self, selection: Selection, codec: str, *, bookmarks: bool) -> None:
        self.selection = selection
        self.codec = CODECS[codec]
        self.revision = 1
        self.told: list[Told] = []
        self.errors = 0
        self._bookmarks = bookmarks

    async def watch(self, reads: Reads, cache: ResourceCache) -> None:
        """Watch until the server ends it, or this is cancelled."""
        reader = self.codec.frame_reader()

        async def receive() -> RequestEvent:
            await asyncio.Event().wait()
            raise AssertionError

        async def send(event: SendEvent) -> None:
            for frame in reader.feed(event.get("body", b"")):
                _kind, bare = self.codec.unwrap(frame.document)
                if frame.type == "ERROR":
                    self.errors += 1
                    continue
                meta = self.codec.decode_bare(Pod, bare).metadata
                self.revision = int(meta.resourceVersion)
                if frame.type != "BOOKMARK":
                    self.told.append(Told(frame.type, meta.namespace, meta.name, self.revision))

        query = {"resourceVersion": str(self.revision), "timeoutSeconds": "3600"}
        if self._bookmarks:
            query["allowWatchBookmarks"] = "1"
        scope: Scope = {
            "type": "http",
            "method": "GET",
            "path": "/api/v1/pods",
            "query_string": b"",
            "headers": [],
            "extensions": {},
        }
        await reads.answer_watch(
            Wire(scope, receive, send),
            Target(cache, self.selection, PlainView(cache, self.codec)),
            query,
        )

    def expected(self, history: list[Change]) -> Iterator[Told]:
        """Return what the history says that it must have been told."""
        for change in history:
            before = change.previous.value if change.previous is not None else None
            had, has = self._selected(before), self._selected(change.value)
            if not had and not has:
                continue
            _, namespace, name = change.key.decode().rsplit("/", 2)
            kind = "DELETED" if not has else "MODIFIED" if had else "ADDED"
            yield Told(kind, namespace, name, change.revision)

    def _selected(self, value: bytes | None) -> bool:
        if value is None:
            return False
        codec = CODECS["protobuf"]
        pod = codec.decode_bare(Pod, codec.unwrap(value)[1])
        chosen, meta = self.selection, pod.metadata
        if chosen.namespace not in {"", meta.namespace}:
            return False
        if chosen.labels is not None and not chosen.labels.matches(meta.labels):
            return False
        fields = {"spec.nodeName": pod.spec.nodeName, "metadata.name": meta.name}
        return chosen.fields is None or chosen.fields.matches(fields)


class MortalBackend(Etcd3Backend):
    """The data of a process that can die: what is not durable yet is lost, nobody is told."""

    _dead = False

    def die(self) -> None:
        """Let the files go as they are, for the next life."""
        self._dead = True
        self.close()

    def recover(self, error: Exception) -> bool:
        return not self._dead and super().recover(error)


class Lives:
    """One store directory, and API servers on it one after the other."""

    def __init__(self, data_dir: Path, random: Random) -> None:
        self._data_dir = data_dir
        self._random = random
        self.history: list[Change] = []
        """Every change of every life, as the store tells it."""
        self.followers = [
            Follower(
                SELECTIONS[number % len(SELECTIONS)],
                ("protobuf", "orjson")[number % 2],
                bookmarks=number % 3 == 0,
            )
            for number in range(WATCHERS)
        ]

    def live(self, number: int, *, writes: int = WRITES) -> None:
        """Run one life to its end, in a loop of its own; every other ends abruptly."""
        with asyncio.Runner() as runner:
            runner.run(self._live(writes, abrupt=number % 2 == 1, threads=number % 4 < 2))

    async def _live(self, writes: int, *, abrupt: bool, threads: bool) -> None:
        clock = SystemClock()
        backend = MortalBackend(self._data_dir, sync=False)
        committer = ThreadCommitter(clock) if threads else InlineCommitter(clock)
        store = EngineStore(Parts(backend, committer, clock, STORES["etcd3"].capabilities))
        await store.__aenter__()
        recorder = Recorder(after=self.history[-1].revision if self.history else 1)
        store.watch(PODS.prefix(), recorder, after=recorder.revision)
        cache = WatchCache(store, CODECS["protobuf"], (PODS, NODES))
        await cache.__aenter__()
        fanout = Fanout(
            FanoutConfig(watch_write=WatchWrite.ASGI, bookmark_period_s=0.005),
            SystemClock(),
            self._random,
        )
        reads = Reads(cache, fanout)
        watches: list[asyncio.Task[None]] = []
        async with asyncio.TaskGroup() as tasks:
            for follower in self.followers:
                if writes and self._random.random() < 0.1:
                    continue  # it is away, and finds two lives of history when it is back
                watches.append(tasks.create_task(follower.watch(reads, cache.of(PODS))))
                if self._random.random() < 0.05:
                    await asyncio.sleep(0)
            writers = [
                tasks.create_task(self._write(World(store, cache, cache.codec), writes // 3))
                for _ in range(3)
            ]
            if abrupt:
                for _ in range(self._random.randrange(60)):
                    await asyncio.sleep(0)
                committer.close()
                backend.die()
            else:
                await asyncio.wait(writers)
                await recorder.reach(store.current_revision())
                if not writes:
                    await self._until_all_is_told(recorder)
                fanout.shut_down()
                await asyncio.wait(watches)
                await self._compact(store)
                await cache.__aexit__(None, None, None)
                await store.__aexit__(None, None, None)
            for task in watches + writers:
                task.cancel()
        self.history += recorder.changes

    async def _compact(self, store: EngineStore) -> None:
        """Now and then forget what the slowest follower has seen, to the last revision."""
        slowest = min(follower.revision for follower in self.followers)
        if self._random.random() < 0.3 and slowest > store.oldest_revision():
            await store.compact(slowest)

    async def _until_all_is_told(self, recorder: Recorder) -> None:
        """Wait until every follower has what the history has, or a minute has passed."""
        history = self.history + recorder.changes
        wanted = [len(list(follower.expected(history))) for follower in self.followers]
        try:
            async with asyncio.timeout(60):
                while [len(follower.told) for follower in self.followers] != wanted:  # noqa: ASYNC110
                    await asyncio.sleep(0)
        except TimeoutError:
            return  # the comparison tells what is missing

    async def _write(self, place: World, count: int) -> None:
        random = self._random
        for _ in range(count):
            name = f"p{random.randrange(12)}"
            namespace = random.choice(("default", "other"))
            there = place.pods.get(namespace, name) is not None
            try:
                if there and random.random() < 0.3:
                    await place.drop(name, namespace=namespace)
                else:
                    node, labels = f"n{random.randrange(3)}", {"app": random.choice("xy")}
                    await place.put(name, node, labels, namespace=namespace)
            except (ConflictError, KeyExistsError, KeyNotFoundError):
                pass  # another writer was first
            except StoreError:
                return  # the process is dying


@pytest.mark.slow
def test_followers_lose_and_double_nothing_over_fifty_restarts(tmp_path: Path) -> None:
    lives = Lives(tmp_path, Random(3))

    for number in range(RESTARTS):
        lives.live(number)
    lives.live(RESTARTS, writes=0)

    revisions = [change.revision for change in lives.history]
    assert revisions == sorted(set(revisions))
    assert len(revisions) > RESTARTS * WRITES / 4
    for follower in lives.followers:
        assert follower.errors == 0
        assert follower.told == list(follower.expected(lives.history))


def test_continue_token_from_before_a_restart_goes_on_with_the_same_state(tmp_path: Path) -> None:
    def store() -> Store:
        return STORES["etcd3"].make(StoreOptions(data_dir=tmp_path, inline_commits=True))

    async def first_page() -> str:
        async with rig(store=store()) as made:
            for number in range(7):
                await made.place.put(f"c{number}")
            head, _, _ = await made.list("limit=3")
            await made.place.drop("c3")
            await made.place.put("c4", node="n1")
            return head["continue"]

    async def the_rest(token: str) -> tuple[list[tuple[str, str]], dict[str, str]]:
        async with rig(store=store()) as made:
            await made.place.put("c5", node="n1")
            head, pods, _ = await made.list(f"limit=9&continue={token}")
            return [(pod.metadata.name, pod.spec.nodeName) for pod in pods], head

    token = asyncio.run(first_page())
    pods, head = asyncio.run(the_rest(token))

    assert pods == [("c3", ""), ("c4", ""), ("c5", ""), ("c6", "")]
    assert head == {"resourceVersion": "8", "continue": ""}
