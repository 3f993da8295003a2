"""The typed client in every codec, against a scripted server: what it asks and how it reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
from google.protobuf.message import Message

from cluster.client.exchange import BodyStream, Request, Response
from cluster.client.failures import failure
from cluster.client.interface import (
    ApiError,
    ObjectKey,
    PatchType,
    Propagation,
    RawEvent,
    Selection,
    TransportError,
)
from cluster.client.rest import ClientOptions, RestClient
from cluster.client.traffic import RequestRecord
from serialization.api.core.v1_pb2 import Binding, Node, ObjectReference, Pod, PodSpec
from serialization.api.meta.v1_pb2 import DeleteOptions, ObjectMeta, Status
from serialization.codecs.interface import Codec, ListHead, TypeMeta
from serialization.codecs.registry import CODECS
from serialization.errors import DecodeError
from serialization.kinds import LEASES, NODES, PODS
from storage.clock import SystemClock
from storage.virtual_time import run_virtual
from tests.cluster.client.raw_server import RawConnection, RawRequest, RawServer, raw_server

T = TypeVar("T")
M = TypeVar("M", bound=Message)

POD_KIND = TypeMeta("v1", "Pod")
STATUS_KIND = TypeMeta("v1", "Status")
KEY = ObjectKey("default", "a")


def pod(name: str = "a", version: str = "7") -> Pod:
    meta = ObjectMeta(namespace="default", name=name, uid="u", resourceVersion=version)
    return Pod(metadata=meta, spec=PodSpec(nodeName="n"))


def seen(codec: Codec, message: M) -> M:
    """Return a message as it looks after the wire: JSON makes an absent struct an empty one."""
    return codec.decode_bare(type(message), codec.encode_bare(message))


class Desk:
    """A client, and the server's side of its requests."""

    def __init__(self, codec: Codec, server: RawServer, client: RestClient) -> None:
        self.codec = codec
        self.server = server
        self.client = client
        self.records: list[RequestRecord] = []
        self._connection: RawConnection | None = None

    async def serve(
        self, call: Coroutine[Any, Any, T], body: bytes, code: int = 200, media_type: str = ""
    ) -> tuple[RawRequest, T]:
        """Run a call of the client and answer its one request."""
        task = asyncio.get_running_loop().create_task(call)
        if self._connection is None:
            self._connection = await self.server.accept()
        request = await self._connection.request()
        content_type = media_type or self.codec.media_type
        self._connection.answer(body, code, f"content-type: {content_type}\r\n")
        return request, await task

    def sent(self, message: type[M], request: RawRequest) -> tuple[TypeMeta, M]:
        kind, bare = self.codec.unwrap(request.body)
        return kind, self.codec.decode_bare(message, bare)


@pytest.fixture(params=sorted(CODECS))
def codec(request: pytest.FixtureRequest) -> Codec:
    return CODECS[request.param]


@asynccontextmanager
async def desk(codec: Codec, **options: Any) -> AsyncIterator[Desk]:
    records: list[RequestRecord] = []
    async with asyncio.timeout(90), raw_server() as server:
        client_options = ClientOptions(
            server.url, codec=codec.name, observer=records.append, **options
        )
        async with RestClient(client_options, SystemClock()) as client:
            made = Desk(codec, server, client)
            made.records = records
            yield made


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


@pytest.mark.parametrize("other", sorted(CODECS))
def test_failure_is_read_in_whatever_media_type_it_comes(codec: Codec, other: str) -> None:
    async def scenario() -> None:
        async with desk(codec) as at:
            spoken = CODECS[other]
            status = failure(409, "AlreadyExists", "there is one", retry_after_s=4).status
            body = spoken.encode(STATUS_KIND, status)
            with pytest.raises(ApiError) as caught:
                await at.serve(
                    at.client.get(PODS, Pod, KEY), body, 409, spoken.media_type + "; charset=x"
                )
            assert caught.value.status == seen(spoken, status)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("code", "body", "media_type", "reason"),
    [
        (404, b"404 page not found\n", "text/plain; charset=utf-8", "NotFound"),
        (503, b"<html>", "text/html", "ServiceUnavailable"),
        (500, b"{torn", "application/json", "InternalError"),
        (418, b"", "application/json", "Unknown"),
        (403, b"\xff\xfe", "application/vnd.kubernetes.protobuf", "Forbidden"),
    ],
)
def test_failure_without_a_status_says_what_there_is(
    code: int, body: bytes, media_type: str, reason: str
) -> None:
    async def scenario() -> None:
        async with desk(CODECS["protobuf"]) as at:
            with pytest.raises(ApiError) as caught:
                await at.serve(at.client.get(PODS, Pod, KEY), body, code, media_type)
            error = caught.value
            assert (error.code, error.reason) == (code, reason)
            assert error.status.message == body.decode(errors="replace").strip()

    asyncio.run(scenario())


def test_answer_that_cannot_be_read_is_a_decode_error(codec: Codec) -> None:
    async def scenario() -> None:
        async with desk(codec) as at:
            with pytest.raises(DecodeError):
                await at.serve(at.client.get(PODS, Pod, KEY), b"\x00nonsense")

    asyncio.run(scenario())


def test_list_follows_its_pages_and_joins_them(codec: Codec) -> None:
    def page(names: str, continue_: str) -> bytes:
        items = [codec.encode_bare(pod(name)) for name in names]
        return b"".join(codec.join_list(TypeMeta("v1", "PodList"), ListHead("9", continue_), items))

    async def scenario() -> None:
        async with desk(codec, page_limit=2) as at:
            selection = Selection("default", "app in (x,y)", "spec.nodeName=n")
            listing = asyncio.get_running_loop().create_task(
                at.client.list_raw(PODS, selection, resource_version="0")
            )
            connection = await at.server.accept()
            first = await connection.request()
            connection.answer(page("ab", "more/+"))
            second = await connection.request()
            connection.answer(page("c", ""))
            raw = await listing
            query = "labelSelector=app%20in%20%28x%2Cy%29&fieldSelector=spec.nodeName%3Dn&limit=2"
            path = f"GET /api/v1/namespaces/default/pods?{query}"
            assert first.line == f"{path}&resourceVersion=0 HTTP/1.1"
            assert second.line == f"{path}&continue=more%2F%2B HTTP/1.1"
            assert [at.client.decode(Pod, item).metadata.name for item in raw.items] == list("abc")
            assert raw.resource_version == "9"
            assert [(r.verb, r.scope) for r in at.records] == [("LIST", "namespace")] * 2

    asyncio.run(scenario())


def chunk(octets: bytes) -> bytes:
    return f"{len(octets):x}\r\n".encode() + octets + b"\r\n"


def watch_head(codec: Codec) -> bytes:
    fields = f"content-type: {codec.stream_media_type}\r\ntransfer-encoding: chunked"
    return f"HTTP/1.1 200 OK\r\n{fields}\r\n\r\n".encode()


def test_watch_gives_events_then_raises_the_error_event(codec: Codec) -> None:
    async def scenario() -> None:
        async with desk(codec) as at:
            events: list[RawEvent] = []

            async def watch() -> None:
                watching = at.client.watch_raw(PODS, resource_version="5", timeout_s=300)
                async for batch in watching:
                    events.extend(batch)

            watched = asyncio.get_running_loop().create_task(watch())
            connection = await at.server.accept()
            request = await connection.request()
            octets = b"".join(
                codec.frame(kind, codec.encode(POD_KIND, pod(version=str(number))))
                for number, kind in enumerate(("ADDED", "MODIFIED", "BOOKMARK", "DELETED"))
            )
            octets += codec.frame("ERROR", codec.encode(STATUS_KIND, failure(410).status))
            connection.write(watch_head(codec))
            middle = len(octets) // 2
            connection.write(chunk(octets[:middle]) + chunk(octets[middle:]))
            with pytest.raises(ApiError) as caught:
                await watched

            assert request.line.split("?")[1] == (
                "watch=true&allowWatchBookmarks=true&resourceVersion=5&timeoutSeconds=300 HTTP/1.1"
            )
            assert caught.value.code == 410
            assert [event.type for event in events] == ["ADDED", "MODIFIED", "BOOKMARK", "DELETED"]
            assert [at.client.decode(Pod, event.bare) for event in events] == [
                seen(codec, pod(version=str(number))) for number in range(4)
            ]
            assert await connection.closed_by_client()
            (record,) = at.records
            traffic = at.client.meter.by_call["WATCH", "pods"]
            assert (record.verb, record.code, record.scope) == ("WATCH", 200, "cluster")
            assert record.received_bytes == traffic.received_bytes > len(octets)

    asyncio.run(scenario())


def test_watch_that_is_refused_or_torn_raises(codec: Codec) -> None:
    async def scenario() -> None:
        async with desk(codec) as at:
            refusal = codec.encode(STATUS_KIND, failure(410).status)
            with pytest.raises(ApiError):
                await at.serve(anext(at.client.watch_raw(PODS)), refusal, 410)

            torn = asyncio.get_running_loop().create_task(anext(at.client.watch_raw(PODS)))
            connection = await at.server.accept()
            await connection.request()
            connection.write(watch_head(codec) + b"5\r\nab")
            await connection.close()
            with pytest.raises(TransportError):
                await torn

    asyncio.run(scenario())


def test_every_request_is_recorded_with_its_bytes_and_stamps(codec: Codec) -> None:
    async def scenario() -> None:
        async with desk(codec) as at:
            before_ns = SystemClock().stamp_ns()
            document = codec.encode(POD_KIND, pod())
            await at.serve(at.client.get(PODS, Pod, KEY), document)
            with pytest.raises(ApiError):
                await at.serve(at.client.update_status(PODS, pod()), b"", 409)
            got, put = at.records
            assert (got.verb, got.resource, got.subresource, got.scope, got.code) == (
                ("GET", "pods", "", "resource", 200)
            )
            assert (put.verb, put.subresource, put.code) == ("PUT", "status", 409)
            assert before_ns < got.start_ns < got.end_ns < put.start_ns < put.end_ns
            assert got.received_bytes > len(document)
            assert put.sent_bytes > got.sent_bytes
            traffic = at.client.meter.by_call["GET", "pods"]
            assert (traffic.requests, traffic.sent_bytes) == (1, got.sent_bytes)

    asyncio.run(scenario())


def test_request_without_an_answer_is_recorded_with_code_0() -> None:
    async def scenario() -> list[RequestRecord]:
        async with desk(CODECS["protobuf"], timeout_s=0.01) as at:
            with pytest.raises(TransportError):
                await at.client.get(PODS, Pod, KEY)
            return at.records

    (record,) = asyncio.run(scenario())

    assert (record.verb, record.code) == ("GET", 0)
