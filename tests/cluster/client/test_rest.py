"""The typed client in every codec, against a scripted server: what it asks and how it reads."""

from __future__ import annotations

import asyncio

import pytest

from cluster.client.exchange import BodyStream, Request, Response
from cluster.client.interface import ObjectKey, PatchType, Propagation, Selection
from cluster.client.rest import ClientOptions, RestClient
from serialization.api.core.v1_pb2 import Binding, Node, ObjectReference, Pod
from serialization.api.meta.v1_pb2 import DeleteOptions, ObjectMeta, Status
from serialization.codecs.interface import Codec, TypeMeta
from serialization.kinds import LEASES, NODES, PODS
from storage.clock import SystemClock
from storage.virtual_time import run_virtual
from tests.cluster.client.desk import KEY, POD_KIND, STATUS_KIND, codec, desk, pod, seen

__all__ = ["codec"]


def test_get_names_the_object_and_reads_it(codec: Codec) -> None:
    async def scenario() -> None:
        async with desk(codec, user_agent="me", bearer_token="secret") as at:
            document = codec.encode(POD_KIND, pod())
            request, got = await at.serve(at.client.get(PODS, Pod, KEY), document)
            assert request.line == "GET /api/v1/namespaces/default/pods/a HTTP/1.1"
            assert request.headers["accept"] == codec.media_type
            assert request.headers["user-agent"] == "me"
            assert request.headers["authorization"] == "Bearer secret"
            assert "content-length" not in request.headers
            assert got == seen(codec, pod())

    asyncio.run(scenario())


def test_writes_send_documents_to_their_paths(codec: Codec) -> None:
    async def scenario() -> None:
        async with desk(codec) as at:
            answer = codec.encode(POD_KIND, pod(version="8"))
            calls = [at.client.create(PODS, "default", pod())]
            calls += [at.client.update(PODS, pod()), at.client.update_status(PODS, pod())]
            lines = []
            for call in calls:
                request, got = await at.serve(call, answer, 201)
                lines.append(request.line.rsplit(" ", 1)[0])
                assert request.headers["content-type"] == codec.media_type
                assert at.sent(Pod, request) == (POD_KIND, seen(codec, pod()))
                assert got.metadata.resourceVersion == "8"
            assert lines == [
                "POST /api/v1/namespaces/default/pods",
                "PUT /api/v1/namespaces/default/pods/a",
                "PUT /api/v1/namespaces/default/pods/a/status",
            ]

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", PatchType)
def test_patch_sends_the_text_under_its_own_media_type(codec: Codec, kind: PatchType) -> None:
    async def scenario() -> None:
        async with desk(codec) as at:
            answer = codec.encode(POD_KIND, pod(version="8"))
            call = at.client.patch(PODS, Pod, KEY, b"{}", kind=kind, subresource="status")
            request, got = await at.serve(call, answer)
            assert request.line.startswith("PATCH /api/v1/namespaces/default/pods/a/status ")
            assert request.headers["content-type"] == kind
            assert request.headers["accept"] == codec.media_type
            assert request.body == b"{}"
            assert got.metadata.resourceVersion == "8"

    asyncio.run(scenario())


def test_deletions_say_how_and_of_what(codec: Codec) -> None:
    async def scenario() -> None:
        async with desk(codec) as at:
            answer = codec.encode(STATUS_KIND, Status())
            one = at.client.delete(
                PODS, KEY, uid="u", resource_version="7", propagation=Propagation.ORPHAN
            )
            request, _ = await at.serve(one, answer)
            _, asked = at.sent(DeleteOptions, request)
            assert (asked.preconditions.uid, asked.preconditions.resourceVersion) == ("u", "7")
            assert asked.propagationPolicy == "Orphan"
            many = at.client.delete_collection(PODS, Selection("default", labels="a=b"))
            request, _ = await at.serve(many, answer)
            path = "/api/v1/namespaces/default/pods?labelSelector=a%3Db"
            assert request.line.startswith(f"DELETE {path} ")
            assert request.body == b""

    asyncio.run(scenario())


class Throttling:
    """An exchange whose answers are given; it keeps when each request came."""

    def __init__(self, *answers: Response) -> None:
        self._answers = list(answers)
        self.came_at: list[float] = []

    async def request(self, request: Request, *, timeout_s: float) -> Response:
        self.came_at.append(asyncio.get_running_loop().time())
        return self._answers.pop(0)

    async def open_stream(
        self, request: Request, *, timeout_s: float, lifetime_s: float = 0.0
    ) -> BodyStream:
        raise NotImplementedError

    def close(self) -> None:
        pass


def test_throttled_requests_are_sent_again_when_the_server_said(codec: Codec) -> None:
    async def scenario() -> None:
        busy = Response(429, "text/plain", b"", 0, 0, 0, retry_after_s=2)
        done = Response(200, codec.media_type, codec.encode(POD_KIND, pod()), 0, 0, 0)
        exchange = Throttling(busy, busy, done)
        options = ClientOptions("http://server", codec=codec.name)
        async with RestClient(options, SystemClock(), exchange) as client:
            got = await client.update(PODS, pod())
        assert got.metadata.name == "a"
        assert [at - exchange.came_at[0] for at in exchange.came_at] == [0, 2, 4]

    run_virtual(scenario())


def test_cluster_scoped_and_grouped_resources_have_their_paths(codec: Codec) -> None:
    async def scenario() -> None:
        async with desk(codec) as at:
            node = Node(metadata=ObjectMeta(name="n"))
            document = codec.encode(TypeMeta("v1", "Node"), node)
            on_node, _ = await at.serve(at.client.update_status(NODES, node), document)
            lease = at.client.delete(LEASES, ObjectKey("kube-node-lease", "n"))
            on_lease, _ = await at.serve(lease, codec.encode(STATUS_KIND, Status()))
            assert on_node.line.startswith("PUT /api/v1/nodes/n/status ")
            assert on_lease.line.startswith(
                "DELETE /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n "
            )

    asyncio.run(scenario())


def test_delete_sends_options_only_when_it_has_some(codec: Codec) -> None:
    async def scenario() -> None:
        async with desk(codec) as at:
            gone = codec.encode(STATUS_KIND, Status(status="Success"))
            bare, _ = await at.serve(at.client.delete(PODS, KEY), gone)
            full, _ = await at.serve(at.client.delete(PODS, KEY, grace_period_s=0, uid="u"), gone)
            kind, options = at.sent(DeleteOptions, full)
            assert bare.body == b""
            assert (kind.kind, options.gracePeriodSeconds) == ("DeleteOptions", 0)
            assert options.HasField("gracePeriodSeconds")
            assert options.preconditions.uid == "u"

    asyncio.run(scenario())


def test_bind_posts_to_the_pod(codec: Codec) -> None:
    async def scenario() -> None:
        async with desk(codec) as at:
            binding = Binding(metadata=ObjectMeta(name="a"), target=ObjectReference(name="n"))
            done = codec.encode(STATUS_KIND, Status(status="Success"))
            request, _ = await at.serve(at.client.bind("default", binding), done, 201)
            assert request.line.startswith("POST /api/v1/namespaces/default/pods/a/binding ")
            assert at.sent(Binding, request) == (TypeMeta("v1", "Binding"), seen(codec, binding))

    asyncio.run(scenario())
