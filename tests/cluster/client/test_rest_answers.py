"""What the typed client makes of answers, in every codec: failures, pages, watches, records."""

from __future__ import annotations

import asyncio

import pytest

from cluster.client.failures import failure
from cluster.client.interface import ApiError, RawEvent, Selection, TransportError
from cluster.client.traffic import RequestRecord
from serialization.api.core.v1_pb2 import Pod
from serialization.codecs.interface import Codec, ListHead, TypeMeta
from serialization.codecs.registry import CODECS
from serialization.errors import DecodeError
from serialization.kinds import PODS
from storage.clock import SystemClock
from tests.cluster.client.desk import KEY, POD_KIND, STATUS_KIND, codec, desk, pod, seen

__all__ = ["codec"]


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
