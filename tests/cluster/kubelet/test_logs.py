"""Containers' logs: the text follows from the status; parts of it, and following as it grows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from cluster.client.exchange import Request, Response
from cluster.client.fake import FakeApi
from cluster.client.inprocess import InProcessExchange
from cluster.kubelet.fleet import Fleet
from cluster.kubelet.server import KubeletServer
from cluster.kubelet.transcript import LINES_MAX, find_run, transcript
from serialization.api.core.v1_pb2 import ContainerStatus, Pod
from serialization.kinds import PODS
from serialization.times import format_time
from storage.virtual_time import EPOCH, VirtualClock, run_virtual
from tests.cluster.kubelet.fleets import KEY, bound, fleet_on, pod_named, the_pod

PATH = "/containerLogs/ns/p/c"
START_S = int(EPOCH.timestamp())


class Kubelet:
    """A fleet and its HTTP face."""

    def __init__(self, api: FakeApi, fleet: Fleet, exchange: InProcessExchange) -> None:
        self.api = api
        self.fleet = fleet
        self.exchange = exchange

    async def get(self, target: str, method: str = "GET") -> Response:
        return await self.exchange.request(Request(method, target), timeout_s=3600)

    async def lines(self, query: str = "") -> list[str]:
        answer = await self.get(f"{PATH}?{query}")
        assert answer.code == 200, answer
        return answer.body.decode().splitlines()


def play(scenario: Callable[[Kubelet], Awaitable[None]]) -> None:
    async def main() -> None:
        api, clock = FakeApi(VirtualClock()), VirtualClock()
        async with (
            fleet_on(api) as fleet,
            InProcessExchange(KubeletServer(fleet.logs), clock) as exchange,
        ):
            await scenario(Kubelet(api, fleet, exchange))

    run_virtual(main())


BEGUN = "c of ns/p started on hollow-node-0, run 1"


def test_log_tells_start_readiness_and_life() -> None:
    async def scenario(kubelet: Kubelet) -> None:
        await bound(kubelet.api, pod_named(log_every="10s", ready_after="15s"))
        await asyncio.sleep(35)

        lines = await kubelet.lines()

        alive = ["alive for 10 s", "c is ready", "alive for 20 s", "alive for 30 s"]
        assert lines == [BEGUN, *alive]
        assert await kubelet.lines() == lines
        assert kubelet.fleet.logs.counts.requests == 2

    play(scenario)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("tailLines=1", ["alive for 30 s"]),
        ("tailLines=0", []),
        ("tailLines=99&limitBytes=9", [BEGUN[:9]]),
        ("sinceSeconds=6", ["alive for 30 s"]),
        (f"sinceTime={format_time(START_S + 20)}", ["alive for 20 s", "alive for 30 s"]),
        ("timestamps=true&tailLines=1", ["2026-01-01T00:00:30.000000000Z alive for 30 s"]),
        ("follow=false&previous=false&tailLines=1", ["alive for 30 s"]),
    ],
)
def test_parts_of_a_log(query: str, expected: list[str]) -> None:
    async def scenario(kubelet: Kubelet) -> None:
        await bound(kubelet.api, pod_named(log_every="10s"))
        await asyncio.sleep(35)

        assert await kubelet.lines(query) == expected

    play(scenario)


def test_followed_log_grows_until_the_run_ends() -> None:
    async def scenario(kubelet: Kubelet) -> None:
        await bound(kubelet.api, pod_named(log_every="10s", crash_after="35s"))
        await asyncio.sleep(15)
        stream = await kubelet.exchange.open_stream(
            Request("GET", f"{PATH}?follow=true"), timeout_s=1
        )
        came: list[tuple[int, str]] = []

        while pieces := await stream.read():
            now_s = round(asyncio.get_running_loop().time())
            text = b"".join(piece.data for piece in pieces).decode()
            came += [(now_s, line) for line in text.splitlines()]

        assert came == [
            (15, BEGUN),
            (15, "c is ready"),
            (15, "alive for 10 s"),
            (20, "alive for 20 s"),
            (30, "alive for 30 s"),
            (35, "c failed with exit code 1"),
        ]
        assert kubelet.fleet.nodes[0].followers == {}
        counts = kubelet.fleet.logs.counts
        assert (counts.followed, counts.following) == (1, 0)

    play(scenario)


def test_followed_log_ends_with_its_pod_its_reader_or_its_process() -> None:
    async def scenario(kubelet: Kubelet) -> None:
        async def follow() -> None:
            target = f"{PATH}?follow=true"
            stream = await kubelet.exchange.open_stream(Request("GET", target), timeout_s=1)
            assert await stream.read()
            waiting.set()
            while await stream.read():
                pass

        for end in ("pod", "process"):
            await bound(kubelet.api, pod_named())
            await asyncio.sleep(1)
            waiting = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                group.create_task(follow())
                await waiting.wait()
                if end == "pod":
                    await kubelet.api.delete(PODS, KEY)
                else:
                    kubelet.fleet.logs.shut_down()
        kubelet.fleet.logs.closed = False
        stream = await kubelet.exchange.open_stream(
            Request("GET", f"{PATH}?follow=true"), timeout_s=1
        )
        await stream.read()
        assert kubelet.fleet.logs.counts.following == 1
        stream.close()
        await asyncio.sleep(1)
        assert kubelet.fleet.logs.counts.following == 0

    play(scenario)


def test_previous_run_is_told_apart() -> None:
    async def scenario(kubelet: Kubelet) -> None:
        await bound(kubelet.api, pod_named(crash_after="5s", exit_code="9"))
        await asyncio.sleep(1)
        refused = await kubelet.get(f"{PATH}?previous=true")
        assert refused.code == 400
        assert refused.body == b'previous terminated container "c" in pod "p" not found'
        await asyncio.sleep(6)

        ended = [BEGUN, "c failed with exit code 9"]
        assert await kubelet.lines("previous=true") == ended
        assert (await kubelet.lines())[0] == BEGUN.replace("run 1", "run 2")
        await asyncio.sleep(5)  # in its back-off both are the last run
        assert await kubelet.lines("previous=true") == await kubelet.lines()

    play(scenario)


@pytest.mark.parametrize(
    ("target", "code", "text"),
    [
        ("/containerLogs/ns/none/c", 404, 'pod "none" does not exist'),
        ("/containerLogs/ns/p/x", 404, 'container "x" not found in pod "p"'),
        (f"{PATH}?tailLines=x", 400, "unable to decode the request for container logs: "),
        (f"{PATH}?sinceTime=x", 400, "unable to decode the request for container logs: "),
        ("/containerLogs/ns/p", 404, "404 page not found"),
        ("/healthz", 200, "ok"),
        ("/pods", 404, "404 page not found"),
    ],
)
def test_kubelet_says_what_is_amiss(target: str, code: int, text: str) -> None:
    async def scenario(kubelet: Kubelet) -> None:
        await bound(kubelet.api, pod_named())
        await asyncio.sleep(1)

        answer = await kubelet.get(target)

        assert answer.code == code
        assert answer.body.decode().startswith(text)
        assert (await kubelet.get(target, "POST")).code == 405

    play(scenario)


def test_container_that_has_not_started_has_no_log() -> None:
    async def scenario(kubelet: Kubelet) -> None:
        pod = pod_named()
        pod.spec.initContainers.add(name="i", image="i")
        pod.metadata.annotations["kubedyno.dev/run-for.i"] = "1m"
        await bound(kubelet.api, pod)
        await asyncio.sleep(1)

        answer = await kubelet.get(PATH)

        waiting = 'container "c" in pod "p" is waiting to start: PodInitializing'
        assert (answer.code, answer.body.decode()) == (400, waiting)
        assert (await kubelet.get("/containerLogs/ns/p/i")).code == 200
        assert kubelet.fleet.logs.counts.refused == 1

    play(scenario)


def test_log_is_rotated() -> None:
    pod = pod_named(log_every="1s")
    pod.status.containerStatuses.append(ContainerStatus(name="c", containerID="hollow://1"))
    pod.status.containerStatuses[0].state.running.startedAt.seconds = 1000
    run = find_run(pod, "c", previous=False)

    lines = transcript(pod, run, 1000 + 10**7)

    assert len(lines) == LINES_MAX
    assert lines[-1].text == "alive for 10000000 s"


def test_log_is_the_same_from_another_process() -> None:
    async def main() -> tuple[list[str], list[str], Pod]:
        api = FakeApi(VirtualClock())
        found = []
        for _ in range(2):
            async with fleet_on(api) as fleet:
                if not api.objects(Pod):
                    await bound(api, pod_named(crash_after="5s", log_every="2s"))
                    await asyncio.sleep(12)
                async with InProcessExchange(KubeletServer(fleet.logs), VirtualClock()) as exchange:
                    found.append(await Kubelet(api, fleet, exchange).lines("timestamps=true"))
        return found[0], found[1], the_pod(api)

    first, second, pod = run_virtual(main())

    assert first == second
    assert len(first) == 4
    assert pod.status.containerStatuses[0].state.waiting.reason == "CrashLoopBackOff"
