"""Create, update and status: what is kept, what is refused, what raises the generation."""

from __future__ import annotations

from typing import cast

from serialization.api.core.v1_pb2 import Node, Pod
from serialization.codecs.interface import TypeMeta
from serialization.codecs.registry import CODECS
from tests.cluster.apiserver.kinds import (
    LEASES_PATH,
    NODES_PATH,
    PODS_PATH,
    PROTOBUF,
    RCS_PATH,
    controller,
    pod,
)
from tests.cluster.apiserver.serving import InProcess, Json


def meta(obj: Json) -> Json:
    return cast("Json", obj["metadata"])


def part(obj: Json, name: str) -> Json:
    return cast("Json", obj[name])


def test_create_fills_in_the_metadata_whatever_the_client_said(api: InProcess) -> None:
    stored = api.create(PODS_PATH, pod(uid="mine", generation=9, selfLink="/x"))

    assert meta(stored)["uid"] != "mine"
    assert meta(stored)["generation"] == 1
    assert meta(stored)["namespace"] == "default"
    assert meta(stored)["creationTimestamp"] == "2026-11-23T01:02:03Z"
    assert "selfLink" not in meta(stored)


def test_resource_version_is_that_of_the_write_in_answer_get_and_list(api: InProcess) -> None:
    created = api.create(PODS_PATH, pod())

    got = api.call("GET", f"{PODS_PATH}/a").json()
    listed = api.call("GET", PODS_PATH).json()

    assert got == created
    items = cast("list[Json]", listed["items"])
    assert meta(items[0])["resourceVersion"] == meta(created)["resourceVersion"]
    assert meta(listed)["resourceVersion"] == meta(created)["resourceVersion"]


def test_generated_names_have_five_letters_and_differ(api: InProcess) -> None:
    nameless = pod()
    nameless["metadata"] = {"generateName": "web-"}

    names = {str(meta(api.create(PODS_PATH, nameless))["name"]) for _ in range(20)}

    assert len(names) == 20
    assert all(name.startswith("web-") and len(name) == 9 for name in names)


def test_two_servers_of_one_seed_draw_the_same_uids(api: InProcess) -> None:
    from tests.cluster.apiserver.serving import serving  # noqa: PLC0415  a second one, here only

    first = meta(api.create(PODS_PATH, pod()))["uid"]
    with serving() as other:
        second = meta(other.create(PODS_PATH, pod()))["uid"]

    assert first == second


def test_update_without_resource_version_is_unconditional(api: InProcess) -> None:
    api.create(RCS_PATH, controller())
    changed = controller()
    part(changed, "spec")["replicas"] = 5

    reply = api.call("PUT", f"{RCS_PATH}/rc", changed)

    assert reply.code == 200
    assert part(reply.json(), "spec")["replicas"] == 5
    assert meta(reply.json())["generation"] == 2


def test_update_at_a_stale_resource_version_is_a_conflict(api: InProcess) -> None:
    stale = api.create(RCS_PATH, controller())
    part(stale, "spec")["replicas"] = 3
    assert api.call("PUT", f"{RCS_PATH}/rc", stale).code == 200

    reply = api.call("PUT", f"{RCS_PATH}/rc", stale)

    assert reply.code == 409
    assert reply.json()["reason"] == "Conflict"


def test_update_that_changes_nothing_keeps_the_resource_version(api: InProcess) -> None:
    created = api.create(RCS_PATH, controller())

    same = api.call("PUT", f"{RCS_PATH}/rc", created).json()

    assert same == created


def test_update_keeps_the_status_and_status_keeps_the_spec(api: InProcess) -> None:
    created = api.create(RCS_PATH, controller())
    part(created, "spec")["replicas"] = 7
    part(created, "status")["replicas"] = 2

    after_status = api.call("PUT", f"{RCS_PATH}/rc/status", created).json()
    replicas = part(after_status, "spec")["replicas"]
    part(after_status, "status")["replicas"] = 9
    part(after_status, "spec")["replicas"] = 4
    after_update = api.call("PUT", f"{RCS_PATH}/rc", after_status).json()

    assert replicas == 2
    assert part(after_update, "status")["replicas"] == 2
    assert part(after_update, "spec")["replicas"] == 4
    assert meta(after_update)["generation"] == 2


def test_pod_spec_may_change_its_images_only(api: InProcess) -> None:
    created = api.create(PODS_PATH, pod())
    containers = cast("list[Json]", part(created, "spec")["containers"])
    containers[0]["image"] = "nginx:2"

    renewed = api.call("PUT", f"{PODS_PATH}/a", created)
    cast("list[Json]", part(renewed.json(), "spec")["containers"])[0]["image"] = "nginx:3"
    moved = renewed.json()
    part(moved, "spec")["nodeName"] = "n1"
    refused = api.call("PUT", f"{PODS_PATH}/a", moved)

    assert renewed.code == 200
    assert meta(renewed.json())["generation"] == 2
    assert refused.code == 422
    assert "pod updates may not change fields other than" in str(refused.json()["message"])


def test_put_does_not_bring_back_an_object_that_is_gone(api: InProcess) -> None:
    created = api.call("PUT", f"{LEASES_PATH}/n1", {"metadata": {"name": "n1"}}).json()
    meta(created).pop("resourceVersion")
    assert api.call("DELETE", f"{LEASES_PATH}/n1").code == 200

    reply = api.call("PUT", f"{LEASES_PATH}/n1", created)

    assert (reply.code, reply.json()["reason"]) == (409, "Conflict")
    assert f"UID in precondition: {meta(created)['uid']}" in str(reply.json()["message"])
    assert api.call("GET", f"{LEASES_PATH}/n1").code == 404


def test_put_creates_a_lease_that_is_missing(api: InProcess) -> None:
    lease: Json = {"metadata": {"name": "n1"}, "spec": {"holderIdentity": "n1"}}

    created = api.call("PUT", f"{LEASES_PATH}/n1", lease)
    renewed = api.call("PUT", f"{LEASES_PATH}/n1", lease)

    assert created.code == 201
    assert renewed.code == 200


def test_protobuf_and_json_tell_the_same_object(api: InProcess) -> None:
    codec = CODECS["protobuf"]
    message = Pod()
    message.metadata.name = "pb"
    message.spec.containers.add(name="c", image="nginx")
    body = codec.encode(TypeMeta("v1", "Pod"), message)

    reply = api.call("POST", PODS_PATH, body, {"content-type": PROTOBUF, "accept": PROTOBUF})
    kind, bare = codec.unwrap(reply.body)
    answered = codec.decode_bare(Pod, bare)
    as_json = api.call("GET", f"{PODS_PATH}/pb").body

    assert reply.code == 201
    assert kind == TypeMeta("v1", "Pod")
    assert CODECS["json"].decode_bare(Pod, as_json) == answered


def test_unknown_fields_warn_by_default_and_are_refused_when_strict(api: InProcess) -> None:
    odd = pod()
    odd["bogus"] = 1

    refused = api.call("POST", f"{PODS_PATH}?fieldValidation=Strict", odd)
    warned = api.call("POST", PODS_PATH, odd)

    assert refused.code == 400
    assert 'unknown field "bogus"' in str(refused.json()["message"])
    assert warned.code == 201
    assert warned.header("warning") == '299 - "unknown field \\"bogus\\""'


def test_dry_run_stores_nothing(api: InProcess) -> None:
    reply = api.call("POST", f"{PODS_PATH}?dryRun=All", pod())

    assert reply.code == 201
    assert "resourceVersion" not in meta(reply.json())
    assert api.call("GET", f"{PODS_PATH}/a").code == 404


def test_body_over_three_mebibytes_is_refused(api: InProcess) -> None:
    reply = api.call("POST", PODS_PATH, b"{" + b" " * 3 * 1024 * 1024)

    assert reply.code == 413
    assert reply.json()["reason"] == "RequestEntityTooLarge"


def test_nothing_is_written_that_cannot_be_answered(api: InProcess) -> None:
    reply = api.call("POST", PODS_PATH, pod(), {"accept": "text/html"})

    assert reply.code == 406
    assert api.call("GET", f"{PODS_PATH}/a").code == 404


def test_failure_comes_in_the_form_that_the_client_takes(api: InProcess) -> None:
    from serialization.api.meta.v1_pb2 import Status  # noqa: PLC0415  used here only

    reply = api.call("GET", f"{NODES_PATH}/nope", headers={"accept": PROTOBUF})
    _kind, bare = CODECS["protobuf"].unwrap(reply.body)
    status = CODECS["protobuf"].decode_bare(Status, bare)

    assert reply.code == 404
    assert reply.media_type == PROTOBUF
    assert (status.code, status.reason) == (404, "NotFound")
    assert status.details.name == "nope"


def test_a_quantity_that_is_none_is_refused_over_protobuf_too(api: InProcess) -> None:
    codec = CODECS["protobuf"]
    node = Node()
    node.metadata.name = "n"
    node.status.capacity["cpu"].string = "a lot"

    body = codec.encode(TypeMeta("v1", "Node"), node)
    reply = api.call("POST", NODES_PATH, body, {"content-type": PROTOBUF})

    assert reply.code == 400
    assert "status.capacity.cpu: quantities must match" in cast("str", reply.json()["message"])


def test_quantities_are_settled_over_protobuf_too(api: InProcess) -> None:
    codec = CODECS["protobuf"]
    node = Node()
    node.metadata.name = "n"
    node.status.capacity["pods"].string = "1000"

    body = codec.encode(TypeMeta("v1", "Node"), node)
    reply = api.call("POST", NODES_PATH, body, {"content-type": PROTOBUF})

    assert reply.code == 201
    stored = api.call("GET", f"{NODES_PATH}/n").json()
    assert part(part(stored, "status"), "capacity")["pods"] == "1k"


def test_a_field_of_a_wrong_wire_type_is_refused_with_its_path(api: InProcess) -> None:
    codec = CODECS["protobuf"]
    node = Node()
    node.metadata.name = "n"
    node.spec.MergeFromString(b"\x08\x07")  # podCIDR, a string, as a varint

    body = codec.encode(TypeMeta("v1", "Node"), node)
    reply = api.call("POST", NODES_PATH, body, {"content-type": PROTOBUF})

    assert reply.code == 400
    assert "spec.podCIDR: wire type 0 where 2 belongs" in cast("str", reply.json()["message"])


def test_a_field_of_a_later_version_is_taken(api: InProcess) -> None:
    codec = CODECS["protobuf"]
    node = Node()
    node.metadata.name = "n"
    node.spec.MergeFromString(b"\xfa\x7f\x01x")  # field 2047

    body = codec.encode(TypeMeta("v1", "Node"), node)
    reply = api.call("POST", NODES_PATH, body, {"content-type": PROTOBUF, "accept": PROTOBUF})

    assert reply.code == 201
    assert b"\xfa\x7f\x01x" in reply.body
