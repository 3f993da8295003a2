"""kubectl logs against a whole cluster: what containers did, as it comes, and what is refused."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cluster.apiserver.assembly import ServerConfig
from cluster.apiserver.kubelets import dial_http
from cluster.apiserver.listener import bind, listen, url_of
from cluster.client.exchange import Exchange
from cluster.kubelet.fleet import FleetOptions
from cluster.kubelet.node_object import Endpoint
from cluster.kubelet.server import KubeletServer
from cluster.processes.in_process import Cluster, ClusterConfig
from serialization.codecs.registry import CODECS
from storage.clock import Clock
from storage.registry import STORES, StoreOptions
from tests.cluster.kubectl import CLOCK, WAIT, Kubectl, with_kubectl

pytestmark = pytest.mark.slow

POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: {name}
  annotations: {annotations}
spec:
  restartPolicy: {policy}
  containers: [{containers}]
"""


def pod(name: str, *, policy: str = "Always", containers: str = "main", **said: str) -> str:
    annotations = ", ".join(
        f'kubedyno.dev/{key.replace("_", "-")}: "{text}"' for key, text in said.items()
    )
    named = ", ".join(f'{{name: {each}, image: "example/{each}:1"}}' for each in containers.split())
    return POD.format(name=name, policy=policy, annotations=f"{{{annotations}}}", containers=named)


def test_logs_tell_what_a_container_did(program: str, tmp_path: Path) -> None:
    async def scenario(kubectl: Kubectl) -> None:
        await kubectl("create", "-f", "-", stdin=pod("one", log_every="1s"))
        await kubectl("wait", "--for=condition=Ready", "pod/one", WAIT)

        lines = (await kubectl("logs", "one")).out.splitlines()
        assert lines[0].startswith("main of default/one started on hollow-node-")
        assert lines[1] == "main is ready"
        stamped = (await kubectl("logs", "one", "--timestamps", "--tail=1")).out
        assert len(stamped.splitlines()) == 1
        assert stamped[4] == "-"
        assert (await kubectl("logs", "one", "--limit-bytes=4")).out == "main"
        assert (await kubectl("logs", "one", "--tail=0")).out == ""
        previous = await kubectl.try_("logs", "one", "--previous")
        assert previous.code == 1
        assert 'previous terminated container "main" in pod "one" not found' in previous.err

    with_kubectl(program, tmp_path, scenario)


def test_logs_are_followed_until_the_container_ends(program: str, tmp_path: Path) -> None:
    async def scenario(kubectl: Kubectl) -> None:
        await kubectl("create", "-f", "-", stdin=pod("job", policy="Never", run_for="3s"))
        await kubectl("wait", "--for=condition=Ready", "pod/job", WAIT)

        followed = (await kubectl("logs", "-f", "job")).out.splitlines()

        assert followed[-1] == "main completed with exit code 0"
        phase = await kubectl("get", "pod", "job", "-o", "jsonpath={.status.phase}")
        assert phase.out == "Succeeded"

    with_kubectl(program, tmp_path, scenario)


def test_previous_logs_are_those_of_the_run_before(program: str, tmp_path: Path) -> None:
    async def scenario(kubectl: Kubectl) -> None:
        crashing = pod("sick", crash_after="1s", exit_code="7")
        await kubectl("create", "-f", "-", stdin=crashing)
        waiting = "{.status.containerStatuses[0].state.waiting.reason}"
        await kubectl("wait", f"--for=jsonpath={waiting}=CrashLoopBackOff", "pod/sick", WAIT)

        row = (await kubectl("get", "pod", "sick")).rows[0]
        assert row[1:4] == ["0/1", "CrashLoopBackOff", "1"]
        before = (await kubectl("logs", "sick", "--previous")).out.splitlines()
        assert before[0].endswith("run 2")
        assert before[-1] == "main failed with exit code 7"
        back_off = "Back-off restarting failed container main in pod sick_default("
        await kubectl.until_told([back_off], "describe", "pod", "sick")

    with_kubectl(program, tmp_path, scenario)


def test_containers_that_are_not_clear_are_refused(program: str, tmp_path: Path) -> None:
    async def scenario(kubectl: Kubectl) -> None:
        await kubectl("create", "-f", "-", stdin=pod("two", containers="a b"))
        await kubectl("wait", "--for=condition=Ready", "pod/two", WAIT)

        both = (await kubectl("logs", "two", "--all-containers")).lines
        assert [line.split()[0] for line in both if "started" in line] == ["a", "b"]
        unknown = await kubectl.try_("logs", "two", "-c", "c")
        assert unknown.code == 1
        assert "container c is not valid for pod two" in unknown.err
        raw = await kubectl.try_("get", "--raw", "/api/v1/namespaces/default/pods/two/log")
        assert "a container name must be specified for pod two, choose one of: [a b]" in raw.err

    with_kubectl(program, tmp_path, scenario)


@asynccontextmanager
async def over_sockets(program: str, home: Path) -> AsyncIterator[Kubectl]:
    """A cluster whose API server dials the kubelets at the address that their nodes tell."""
    server_sock, kubelet_sock = bind("127.0.0.1", 0), bind("127.0.0.1", 0)
    endpoint = Endpoint("127.0.0.1", kubelet_sock.getsockname()[1])

    def dial(base_url: str, clock: Clock) -> Exchange:
        dialled.append(base_url)
        return dial_http(base_url, clock)

    dialled: list[str] = []
    config = ClusterConfig(
        FleetOptions(nodes=1, endpoint=endpoint),
        server=ServerConfig(CODECS["protobuf"], dial=dial),
    )
    async with (
        STORES["memory"].make(StoreOptions(clock=CLOCK)) as store,
        Cluster(config, store, CLOCK, random.Random(1)) as cluster,
        listen(cluster.server.app, server_sock, end_watches=cluster.server.fanout.shut_down),
    ):
        logs = cluster.nodes.fleet.logs
        async with listen(KubeletServer(logs), kubelet_sock, end_watches=logs.shut_down):
            yield Kubectl(program, url_of(server_sock), home)
        assert f"http://127.0.0.1:{endpoint.port}" in dialled


def test_logs_come_over_sockets_and_fail_as_kubernetes_does(program: str, tmp_path: Path) -> None:
    async def play() -> None:
        async with asyncio.timeout(110), over_sockets(program, tmp_path) as kubectl:
            await kubectl("create", "-f", "-", stdin=pod("job", policy="Never", run_for="3s"))
            await kubectl("wait", "--for=condition=Ready", "pod/job", WAIT)
            followed = (await kubectl("logs", "-f", "job")).out.splitlines()
            assert followed[-1] == "main completed with exit code 0"
            assert (await kubectl("logs", "job", "--tail=1")).lines == [followed[-1]]

            await kubectl("create", "-f", "-", stdin=AWAY)
            away = await kubectl.try_("logs", "away")
            assert away.code == 1
            path = "http://127.0.0.1:9/containerLogs/default/away/main"
            assert away.err == (
                f'Error from server: Get "{path}": dial tcp 127.0.0.1:9: connect: connection '
                "refused\n"
            )

    asyncio.run(play())


AWAY = """\
apiVersion: v1
kind: Node
metadata: {name: away}
status:
  addresses: [{type: InternalIP, address: 127.0.0.1}]
  daemonEndpoints: {kubeletEndpoint: {Port: 9}}
---
apiVersion: v1
kind: Pod
metadata: {name: away}
spec:
  nodeName: away
  containers: [{name: main, image: "example/main:1"}]
"""
