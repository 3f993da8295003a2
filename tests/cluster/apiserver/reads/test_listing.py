from __future__ import annotations

import asyncio

import pytest

from cluster.apiserver.reads.listing import ExpiredTokenError
from serialization.api.core.v1_pb2 import Pod
from storage.errors import CompactedError, FutureRevisionError
from storage.virtual_time import run_virtual
from storage.watchcache.config import CacheConfig
from tests.cluster.apiserver.reads.rig import Rig, rig, select


def names(pods: list[Pod]) -> list[str]:
    return [pod.metadata.name for pod in pods]


async def filled(made: Rig, count: int = 7) -> None:
    for number in range(count):
        await made.place.put(f"c{number}", labels={"par": str(number % 2)})


@pytest.mark.parametrize("codec", ["json", "orjson", "protobuf"])
def test_list_is_in_key_order_at_the_newest_revision(codec: str) -> None:
    async def main() -> None:
        async with rig() as made:
            await filled(made)
            await made.place.put("c3", node="n1")
            await made.place.drop("c5")

            head, pods, media = await made.list(codec=codec)

            assert names(pods) == ["c0", "c1", "c2", "c3", "c4", "c6"]
            assert head == {"resourceVersion": "10", "continue": ""}
            assert pods[3].metadata.resourceVersion == "9"
            protobuf = "application/vnd.kubernetes.protobuf"
            assert media == (protobuf if codec == "protobuf" else "application/json")

    run_virtual(main())


def test_list_answers_what_the_selectors_pick() -> None:
    async def main() -> None:
        async with rig() as made:
            await filled(made)
            await made.place.put("c1", namespace="other", labels={"par": "0"})

            assert names((await made.list(selection=select("default", "par=1")))[1]) == [
                "c1",
                "c3",
                "c5",
            ]
            by_name = select("default", fields="metadata.name=c1")
            assert len((await made.list(selection=by_name))[1]) == 1
            anywhere = select(fields="metadata.name=c1")
            assert len((await made.list(selection=anywhere))[1]) == 2
            assert (await made.list(selection=select("nowhere")))[1] == []

    run_virtual(main())


def test_pages_show_one_state_while_objects_come_and_go() -> None:
    async def main() -> None:
        async with rig() as made:
            await filled(made)
            head, pods, _ = await made.list("limit=3")
            assert (names(pods), head["remaining"]) == (["c0", "c1", "c2"], "4")
            await made.place.drop("c3")
            await made.place.put("c3b")
            await made.place.put("c4", node="n1")

            second, pods, _ = await made.list(f"limit=3&continue={head['continue']}")
            assert names(pods) == ["c3", "c4", "c5"]
            assert pods[1].spec.nodeName == ""
            assert (second["resourceVersion"], second["remaining"]) == ("8", "1")

            last, pods, _ = await made.list(f"limit=3&continue={second['continue']}")
            assert names(pods) == ["c6"]
            assert last == {"resourceVersion": "8", "continue": ""}

    run_virtual(main())


def test_pages_go_on_from_the_store_when_their_snapshot_is_gone() -> None:
    async def main() -> None:
        async with rig() as made:
            await filled(made)
            head, _, _ = await made.list("limit=3")
            for number in range(20):  # each makes a snapshot of its own
                await made.place.put("x", node=f"n{number}")
                await made.list("limit=1")

            second, pods, _ = await made.list(f"limit=3&continue={head['continue']}")

            assert names(pods) == ["c3", "c4", "c5"]
            assert (second["resourceVersion"], second["remaining"]) == ("8", "1")

    run_virtual(main())


def test_pages_of_a_selector_are_full_and_count_no_rest() -> None:
    async def main() -> None:
        async with rig() as made:
            await filled(made)
            even = select("default", "par=0")
            head, pods, _ = await made.list("limit=2", even)
            assert names(pods) == ["c0", "c2"]
            assert "remaining" not in head

            last, pods, _ = await made.list(f"limit=2&continue={head['continue']}", even)

            assert names(pods) == ["c4", "c6"]
            assert last["continue"] == ""

    run_virtual(main())


def test_page_at_a_compacted_revision_is_expired_with_a_token_that_goes_on() -> None:
    async def main() -> None:
        async with rig() as made:
            await filled(made)
            head, _, _ = await made.list("limit=3")
            for number in range(20):
                await made.place.put("x", node=f"n{number}")
                await made.list("limit=1")
            await made.place.store.compact(made.place.cache.revision)

            with pytest.raises(ExpiredTokenError) as caught:
                await made.list(f"limit=3&continue={head['continue']}")

            status = caught.value.status()
            assert (status.code, status.reason) == (410, "Expired")
            rest, pods, _ = await made.list(f"continue={status.metadata.continue_}")
            assert names(pods) == ["c3", "c4", "c5", "c6", "x"]
            assert rest["resourceVersion"] == str(made.place.cache.revision)

    run_virtual(main())


def test_list_at_an_exact_revision_shows_that_state() -> None:
    async def main() -> None:
        async with rig() as made:
            await filled(made, 4)
            await made.place.drop("c0")
            await made.place.put("c1", node="n1")

            head, pods, _ = await made.list("resourceVersion=4&resourceVersionMatch=Exact")

            assert head["resourceVersion"] == "4"
            assert names(pods) == ["c0", "c1", "c2"]
            assert pods[1].spec.nodeName == ""
            assert [pod.metadata.resourceVersion for pod in pods] == ["2", "3", "4"]
            await made.place.store.compact(6)
            with pytest.raises(CompactedError):
                await made.list("resourceVersion=4&resourceVersionMatch=Exact")

    run_virtual(main())


def test_list_not_older_than_a_future_revision_is_refused_after_a_while() -> None:
    async def main() -> None:
        async with rig(cache=CacheConfig(wait_s=0.1)) as made:
            await filled(made)

            assert (await made.list("resourceVersion=3"))[0]["resourceVersion"] == "8"
            with pytest.raises(FutureRevisionError):
                await made.list("resourceVersion=99")

    run_virtual(main())


def test_second_list_encodes_nothing() -> None:
    async def main() -> None:
        async with rig() as made:
            await filled(made)
            for codec in ("protobuf", "orjson"):
                await made.list(codec=codec)
            before = made.place.cache.counters.flat()

            for codec in ("protobuf", "orjson"):
                await made.list(codec=codec)

            after = made.place.cache.counters.flat()
            changed = {name for name, value in after.items() if value != before.get(name, 0)}
            assert changed == {"watchcache_encode_hits_protobuf", "watchcache_encode_hits_orjson"}

    run_virtual(main())


def test_snapshots_are_kept_for_the_next_page_alone_and_not_for_long() -> None:
    async def main() -> None:
        async with rig() as made:
            await filled(made)
            kept = made.reads._lister._snapshots
            await made.list("limit=7")
            await made.list("")
            assert len(kept) == 0

            head, _, _ = await made.list("limit=3")
            assert len(kept) == 1
            await made.place.put("c4", node="n1")
            await asyncio.sleep(61)

            assert len(kept) == 0
            rest, pods, _ = await made.list(f"continue={head['continue']}")
            assert (names(pods), rest["resourceVersion"]) == (["c3", "c4", "c5", "c6"], "8")
            assert pods[1].spec.nodeName == ""

    run_virtual(main())
