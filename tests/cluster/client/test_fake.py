"""The fake behaves as its users rely on: concurrency, the status split, deletion, watches."""

from __future__ import annotations

import asyncio

import pytest

from cluster.client.failures import failure
from cluster.client.fake import Action, FakeApi
from cluster.client.interface import (
    ApiError,
    ObjectKey,
    PatchType,
    RawEvent,
    Selection,
    TransportError,
)
from serialization.api.core.v1_pb2 import (
    Binding,
    ObjectReference,
    Pod,
    PodSpec,
    PodStatus,
)
from serialization.api.meta.v1_pb2 import ObjectMeta
from serialization.kinds import PODS

KEY = ObjectKey("default", "a")


def pod(name: str = "a", node: str = "", **labels: str) -> Pod:
    meta = ObjectMeta(namespace="default", name=name, labels=labels)
    return Pod(metadata=meta, spec=PodSpec(nodeName=node))


def code_of(api: FakeApi, call: str, *args: object, **kwargs: object) -> int:
    with pytest.raises(ApiError) as caught:
        asyncio.run(getattr(api, call)(*args, **kwargs))
    return caught.value.code


def test_update_of_a_stale_object_is_a_conflict() -> None:
    api = FakeApi()
    stale = api.add(pod())
    api.put(pod(node="n"))

    assert code_of(api, "update", PODS, stale) == 409


def test_update_leaves_status_and_update_status_leaves_spec() -> None:
    api = FakeApi()
    obj = api.add(pod())
    obj.status.CopyFrom(PodStatus(phase="Running"))
    obj.spec.nodeName = "n"

    after_update = asyncio.run(api.update(PODS, obj))
    obj.metadata.resourceVersion = after_update.metadata.resourceVersion
    obj.spec.nodeName = "m"
    after_status = asyncio.run(api.update_status(PODS, obj))

    assert (after_update.spec.nodeName, after_update.status.phase) == ("n", "")
    assert (after_status.spec.nodeName, after_status.status.phase) == ("n", "Running")
    assert after_update.metadata.generation == 2
    assert after_status.metadata.generation == 2


def test_delete_of_a_bound_pod_waits_for_its_kubelet() -> None:
    async def scenario() -> list[Pod]:
        api = FakeApi()
        uid = api.add(pod(node="n")).metadata.uid
        await api.delete(PODS, KEY)
        deleting = api.objects(Pod)
        await api.delete(PODS, KEY, grace_period_s=0, uid=uid)
        return deleting + api.objects(Pod)

    (deleting,) = asyncio.run(scenario())

    assert deleting.metadata.HasField("deletionTimestamp")
    assert deleting.metadata.deletionGracePeriodSeconds == 30


def test_delete_with_another_uid_is_a_conflict() -> None:
    api = FakeApi()
    api.add(pod())

    assert code_of(api, "delete", PODS, KEY, uid="another") == 409
    assert code_of(api, "delete", PODS, ObjectKey("default", "b")) == 404


def test_finalizers_hold_a_deleted_object_until_they_are_gone() -> None:
    async def scenario() -> tuple[int, int]:
        api = FakeApi()
        obj = pod()
        obj.metadata.finalizers.append("x/y")
        api.add(obj)
        await api.delete(PODS, KEY)
        (held,) = api.objects(Pod)
        del held.metadata.finalizers[:]
        await api.update(PODS, held)
        return 1, len(api.objects(Pod))

    assert asyncio.run(scenario()) == (1, 0)


def test_bind_assigns_once() -> None:
    api = FakeApi()
    api.add(pod())
    binding = Binding(metadata=ObjectMeta(name="a"), target=ObjectReference(name="n"))

    asyncio.run(api.bind("default", binding))

    assert api.objects(Pod)[0].spec.nodeName == "n"
    assert code_of(api, "bind", "default", binding) == 409


def test_a_fault_is_raised_once_and_the_call_recorded() -> None:
    api = FakeApi()
    api.fail_next("create", failure(429))

    assert code_of(api, "create", PODS, "default", pod()) == 429
    asyncio.run(api.create(PODS, "default", pod()))
    assert api.actions == [Action("create", "pods", KEY)] * 2
    assert len(api.objects(Pod)) == 1


def test_create_names_by_prefix_and_refuses_a_name_twice() -> None:
    api = FakeApi()
    generated = api.add(Pod(metadata=ObjectMeta(namespace="default", generateName="rc-")))
    api.add(pod())

    assert generated.metadata.name == "rc-00001"
    assert code_of(api, "create", PODS, "default", pod()) == 409


def test_a_watch_resumes_and_a_selector_turns_transitions_into_events() -> None:
    async def scenario() -> list[RawEvent]:
        api = FakeApi()
        selection = Selection(fields="spec.nodeName=n")
        first = api.add(pod()).metadata.resourceVersion
        api.put(pod(node="n"))
        api.put(pod(node="n", tier="x"))
        api.put(pod(node="m"))
        api.bookmark()
        watch = api.watch_raw(PODS, selection, resource_version=first)
        events = await anext(watch)
        await watch.aclose()
        assert api.open_watches == 0
        return events

    events = asyncio.run(scenario())

    assert [event.type for event in events] == ["ADDED", "MODIFIED", "DELETED"]
    last = Pod.FromString(events[-1].bare)
    assert (last.spec.nodeName, last.metadata.resourceVersion) == ("m", "5")


@pytest.mark.parametrize(("fault", "error"), [("drop_watch", TransportError), ("expire", ApiError)])
def test_open_watches_end_with_the_fault(fault: str, error: type[Exception]) -> None:
    async def scenario() -> None:
        api = FakeApi()
        watch = api.watch_raw(PODS)
        api.add(pod())
        assert [event.type for event in await anext(watch)] == ["ADDED"]
        getattr(api, fault)()
        await anext(watch)

    with pytest.raises(error):
        asyncio.run(scenario())


def test_a_watch_from_before_the_expiry_is_refused() -> None:
    async def scenario() -> int:
        api = FakeApi()
        api.add(pod())
        api.add(pod("b"))
        api.expire()
        with pytest.raises(ApiError) as caught:
            await anext(api.watch_raw(PODS, resource_version="2"))
        return caught.value.code

    assert asyncio.run(scenario()) == 410


def test_a_list_selects_by_namespace_label_and_field() -> None:
    api = FakeApi()
    api.add(pod("a", tier="x"))
    api.add(pod("b", tier="y", node="n"))
    api.add(pod("c", tier="x", node="n"))

    def names(selection: Selection) -> list[str]:
        items = asyncio.run(api.list_raw(PODS, selection)).items
        return [Pod.FromString(item).metadata.name for item in items]

    assert names(Selection("default")) == ["a", "b", "c"]
    assert names(Selection("other")) == []
    assert names(Selection(labels="tier=x", fields="spec.nodeName!=")) == ["c"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (PatchType.MERGE, b'{"metadata":{"labels":{"a":null,"b":"2"}}}'),
        (PatchType.STRATEGIC, b'{"metadata":{"labels":{"$patch":"replace","b":"2"}}}'),
        (PatchType.JSON, b'[{"op":"replace","path":"/metadata/labels","value":{"b":"2"}}]'),
    ],
)
def test_patches_of_all_kinds_are_carried_out(kind: PatchType, body: bytes) -> None:
    api = FakeApi()
    api.add(pod(a="1"))

    changed = asyncio.run(api.patch(PODS, Pod, KEY, body, kind=kind))

    assert dict(changed.metadata.labels) == {"b": "2"}
    assert [dict(each.metadata.labels) for each in api.objects(Pod)] == [{"b": "2"}]


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        (PatchType.MERGE, b"[]", 400),
        (PatchType.MERGE, b'{"spec":{"nodeName":7}}', 422),
        (PatchType.JSON, b'[{"op":"remove","path":"/spec/x"}]', 422),
        (PatchType.STRATEGIC, b'{"spec":{"$patch":"frob"}}', 500),
        (PatchType.MERGE, b'{"metadata":{"resourceVersion":"1"}}', 409),
    ],
)
def test_patches_that_a_server_refuses_are_refused(kind: PatchType, body: bytes, code: int) -> None:
    api = FakeApi()
    api.add(pod())

    assert code_of(api, "patch", PODS, Pod, KEY, body, kind=kind) == code
