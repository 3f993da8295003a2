"""PATCH: which types are taken, what a conflict does, what stays, what is warned of."""

from __future__ import annotations

from typing import cast

import pytest

from serialization.api.core.v1_pb2 import Node
from serialization.codecs.interface import TypeMeta
from serialization.codecs.registry import CODECS
from tests.cluster.apiserver.kinds import (
    CONFIG_MAPS_PATH,
    NODES_PATH,
    PODS_PATH,
    PROTOBUF,
    RCS_PATH,
    config_map,
    controller,
    pod,
)
from tests.cluster.apiserver.serving import InProcess, Json, Reply

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"


def patch(api: InProcess, path: str, body: object, media: str = MERGE) -> Reply:
    return api.call("PATCH", path, body, {"content-type": media})


def part(obj: Json, *names: str) -> Json:
    for name in names:
        obj = cast("Json", obj[name])
    return obj


def version(obj: Json) -> str:
    return str(part(obj, "metadata")["resourceVersion"])


@pytest.mark.parametrize(
    "media",
    ["", "application/json", "application/yaml", "application/apply-patch+yaml", PROTOBUF, "x"],
)
def test_patch_of_another_type_is_an_unsupported_media_type(api: InProcess, media: str) -> None:
    api.create(CONFIG_MAPS_PATH, config_map("a"))

    reply = patch(api, f"{CONFIG_MAPS_PATH}/a", {}, media)

    assert reply.code == 415
    assert reply.json()["reason"] == "UnsupportedMediaType"
    assert reply.json()["message"] == "415: Unsupported Media Type"


@pytest.mark.parametrize(
    ("media", "body"),
    [
        (MERGE, b"[1]"),
        (MERGE, b"7"),
        (MERGE, b'{"a":'),
        (MERGE, b""),
        (MERGE, b"\xff"),
        (STRATEGIC, b"[]"),
        (STRATEGIC, b'{"a":'),
        (JSON_PATCH, b'{"op":1}'),
        (JSON_PATCH, b"[7]"),
    ],
)
def test_malformed_patch_is_a_bad_request(api: InProcess, media: str, body: bytes) -> None:
    api.create(CONFIG_MAPS_PATH, config_map("a"))

    reply = patch(api, f"{CONFIG_MAPS_PATH}/a", body, media)

    assert (reply.code, reply.json()["reason"]) == (400, "BadRequest")


def test_json_patch_of_too_many_operations_is_too_large(api: InProcess) -> None:
    api.create(CONFIG_MAPS_PATH, config_map("a"))
    operation = {"op": "test", "path": "/metadata/name", "value": "a"}

    taken = patch(api, f"{CONFIG_MAPS_PATH}/a", [operation] * 10_000, JSON_PATCH)
    refused = patch(api, f"{CONFIG_MAPS_PATH}/a", [operation] * 10_001, JSON_PATCH)

    assert taken.code == 200
    assert (refused.code, refused.json()["reason"]) == (413, "RequestEntityTooLarge")


def test_patch_of_what_is_not_there_is_not_found(api: InProcess) -> None:
    assert patch(api, f"{PODS_PATH}/nope", {}).code == 404
    assert patch(api, f"{PODS_PATH}/nope/status", {}).code == 404


def test_patch_that_changes_nothing_writes_nothing(api: InProcess) -> None:
    created = api.create(RCS_PATH, controller())

    for body in ({}, {"spec": {"replicas": part(created, "spec")["replicas"]}}):
        assert patch(api, f"{RCS_PATH}/rc", body).json() == created
    assert patch(api, f"{RCS_PATH}/rc", [], JSON_PATCH).json() == created


def test_patch_without_a_version_is_applied_again_to_what_was_written_meanwhile(
    api: InProcess,
) -> None:
    api.create(CONFIG_MAPS_PATH, config_map("a"))
    bodies = [b'{"data":{"k%d":"v"}}' % index for index in range(8)]

    replies = api.gather(
        *(
            api.request("PATCH", f"{CONFIG_MAPS_PATH}/a", body, {"content-type": MERGE})
            for body in bodies
        )
    )

    assert [reply.code for reply in replies] == [200] * 8
    left = api.call("GET", f"{CONFIG_MAPS_PATH}/a").json()
    assert {f"k{index}" for index in range(8)} <= part(left, "data").keys()


def test_patch_with_a_version_is_for_that_state_alone(api: InProcess) -> None:
    first = api.create(CONFIG_MAPS_PATH, config_map("a"))
    body: Json = {"metadata": {"resourceVersion": version(first)}, "data": {"x": "1"}}
    operations: list[Json] = [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": version(first)},
        {"op": "add", "path": "/data/y", "value": "1"},
    ]

    assert patch(api, f"{CONFIG_MAPS_PATH}/a", body).code == 200
    stale = patch(api, f"{CONFIG_MAPS_PATH}/a", body)
    stale_operations = patch(api, f"{CONFIG_MAPS_PATH}/a", operations, JSON_PATCH)

    assert (stale.code, stale.json()["reason"]) == (409, "Conflict")
    assert (stale_operations.code, stale_operations.json()["reason"]) == (409, "Conflict")


def test_of_patches_with_one_version_at_once_one_wins(api: InProcess) -> None:
    first = api.create(CONFIG_MAPS_PATH, config_map("a"))
    body = b'{"metadata":{"resourceVersion":"%b"},"data":{"k":"%d"}}'
    replies = api.gather(
        *(
            api.request(
                "PATCH",
                f"{CONFIG_MAPS_PATH}/a",
                body % (version(first).encode(), index),
                {"content-type": MERGE},
            )
            for index in range(5)
        )
    )

    assert sorted(reply.code for reply in replies) == [200, 409, 409, 409, 409]


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"name": "other"}, 400, ""),
        ({"namespace": "other"}, 400, ""),
        ({"uid": "other"}, 422, "metadata.uid"),
        ({"finalizers": ["noslash"]}, 422, "metadata.finalizers[0]"),
    ],
)
def test_patch_cannot_make_another_object_of_it(
    api: InProcess, change: Json, code: int, field: str
) -> None:
    created = api.create(CONFIG_MAPS_PATH, config_map("a"))

    reply = patch(api, f"{CONFIG_MAPS_PATH}/a", {"metadata": change})

    assert reply.code == code
    if field:
        causes = cast("list[Json]", part(reply.json(), "details")["causes"])
        assert causes[0]["field"] == field
    assert api.call("GET", f"{CONFIG_MAPS_PATH}/a").json() == created


def test_patch_cannot_change_the_kind(api: InProcess) -> None:
    api.create(CONFIG_MAPS_PATH, config_map("a"))

    assert patch(api, f"{CONFIG_MAPS_PATH}/a", {"kind": "Secret"}).code == 400
    assert patch(api, f"{CONFIG_MAPS_PATH}/a", {"apiVersion": "v2"}).code == 400
    assert patch(api, f"{CONFIG_MAPS_PATH}/a", {"kind": "ConfigMap"}).code == 200


def test_patch_of_times_that_the_server_sets_is_passed_over(api: InProcess) -> None:
    created = api.create(CONFIG_MAPS_PATH, config_map("a"))
    times: Json = {"creationTimestamp": "2001-01-01T00:00:00Z", "generation": 7}

    assert patch(api, f"{CONFIG_MAPS_PATH}/a", {"metadata": times}).json() == created


def test_patch_is_validated_as_a_put_is(api: InProcess) -> None:
    api.create(RCS_PATH, controller())
    api.create(PODS_PATH, pod())

    negative = patch(api, f"{RCS_PATH}/rc", {"spec": {"replicas": -1}})
    moved = patch(api, f"{PODS_PATH}/a", {"spec": {"nodeName": "n"}})
    renewed = patch(
        api, f"{PODS_PATH}/a", {"spec": {"containers": [{"name": "c", "image": "n:2"}]}}, STRATEGIC
    )

    assert (negative.code, moved.code) == (422, 422)
    assert part(renewed.json(), "metadata")["generation"] == 2


def test_unknown_fields_are_warned_of_or_refused_or_ignored(api: InProcess) -> None:
    api.create(CONFIG_MAPS_PATH, config_map("a"))
    path = f"{CONFIG_MAPS_PATH}/a"
    bodies: list[tuple[str, object]] = [
        (MERGE, {"foo": 1}),
        (STRATEGIC, {"foo": 1}),
        (JSON_PATCH, [{"op": "add", "path": "/foo", "value": 1}]),
        (MERGE, {"metadata": {"foo": 1}}),
    ]

    for media, body in bodies:
        field = "metadata.foo" if "metadata" in str(body) else "foo"
        warned = patch(api, path, body, media)
        strict = patch(api, f"{path}?fieldValidation=Strict", body, media)
        ignored = patch(api, f"{path}?fieldValidation=Ignore", body, media)

        assert warned.header("warning") == f'299 - "unknown field \\"{field}\\""'
        assert (strict.code, strict.json()["reason"]) == (422, "Invalid")
        assert f'strict decoding error: unknown field \\"{field}\\"' in strict.body.decode()
        assert (ignored.code, ignored.header("warning")) == (200, "")


@pytest.mark.parametrize("body", [b'{"data":{"k":"\\ud800"}}', b'{"\\udfff":null}'])
def test_half_a_character_is_refused(api: InProcess, body: bytes) -> None:
    api.create(CONFIG_MAPS_PATH, config_map("a"))

    reply = patch(api, f"{CONFIG_MAPS_PATH}/a", body)

    assert reply.code == 400
    assert "lone surrogate" in str(reply.json()["message"])


def test_name_of_an_unknown_field_cannot_end_the_header(api: InProcess) -> None:
    api.create(CONFIG_MAPS_PATH, config_map("a"))

    reply = patch(api, f"{CONFIG_MAPS_PATH}/a", {"x\r\nevil: 1": 1})

    assert reply.header("warning") == '299 - "unknown field \\"x??evil: 1\\""'


def test_keys_that_stand_twice_are_warned_of_or_refused(api: InProcess) -> None:
    api.create(CONFIG_MAPS_PATH, config_map("a"))
    body = b'{"data":{"k":"1","k":"2"}}'

    warned = patch(api, f"{CONFIG_MAPS_PATH}/a", body)
    strict = patch(api, f"{CONFIG_MAPS_PATH}/a?fieldValidation=Strict", body)

    assert warned.header("warning") == '299 - "duplicate field \\"data.k\\""'
    assert part(warned.json(), "data")["k"] == "2"
    assert strict.code == 422


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("force=true", "force"),
        (f"fieldManager={'m' * 129}", "fieldManager"),
        ("fieldManager=%01", "fieldManager"),
        ("fieldValidation=Odd", "fieldValidation"),
        ("dryRun=Some", "dryRun"),
    ],
)
def test_options_that_a_patch_has_not_are_refused(api: InProcess, query: str, field: str) -> None:
    api.create(CONFIG_MAPS_PATH, config_map("a"))

    reply = patch(api, f"{CONFIG_MAPS_PATH}/a?{query}", {})

    assert reply.code == 422
    details = part(reply.json(), "details")
    assert details["kind"] == "PatchOptions"
    assert cast("list[Json]", details["causes"])[0]["field"] == field


def test_dry_run_tells_the_result_and_stores_nothing(api: InProcess) -> None:
    created = api.create(CONFIG_MAPS_PATH, config_map("a"))

    reply = patch(api, f"{CONFIG_MAPS_PATH}/a?dryRun=All", {"data": {"z": "dry"}})

    assert part(reply.json(), "data")["z"] == "dry"
    assert version(reply.json()) == version(created)
    assert api.call("GET", f"{CONFIG_MAPS_PATH}/a").json() == created


def test_status_patch_leaves_the_spec_and_main_patch_the_status(api: InProcess) -> None:
    api.create(RCS_PATH, controller())
    body: Json = {
        "metadata": {"labels": {"l": "1"}},
        "spec": {"replicas": 99},
        "status": {"replicas": 2},
    }

    by_status = patch(api, f"{RCS_PATH}/rc/status", body).json()
    by_main = patch(api, f"{RCS_PATH}/rc", {"status": {"replicas": 55}}).json()

    assert part(by_status, "spec")["replicas"] != 99
    assert part(by_status, "status")["replicas"] == 2
    assert part(by_status, "metadata", "labels")["l"] == "1"
    assert by_main == by_status


def test_last_finalizer_taken_by_a_patch_removes_the_object(api: InProcess) -> None:
    api.create(PODS_PATH, pod(finalizers=["example.com/hold"]))
    api.call("DELETE", f"{PODS_PATH}/a")
    assert api.call("GET", f"{PODS_PATH}/a").code == 200

    late = patch(api, f"{PODS_PATH}/a", {"metadata": {"finalizers": ["example.com/late"]}})
    gone = patch(api, f"{PODS_PATH}/a", {"metadata": {"finalizers": None}})

    assert late.code == 422
    assert gone.code == 200
    assert api.call("GET", f"{PODS_PATH}/a").code == 404


def test_patch_answers_protobuf_where_asked(api: InProcess) -> None:
    api.create(NODES_PATH, {"metadata": {"name": "n"}})

    reply = api.call(
        "PATCH",
        f"{NODES_PATH}/n",
        {"spec": {"unschedulable": True}},
        {"content-type": STRATEGIC, "accept": f"{PROTOBUF},application/json"},
    )
    kind, bare = CODECS["protobuf"].unwrap(reply.body)

    assert (reply.code, kind) == (200, TypeMeta("v1", "Node"))
    assert CODECS["protobuf"].decode_bare(Node, bare).spec.unschedulable


def test_patches_are_counted_as_such(api: InProcess) -> None:
    api.create(PODS_PATH, pod())

    patch(api, f"{PODS_PATH}/a/status", {"status": {"message": "m"}})

    assert api.server.api.metrics.flat()["requests_PATCH_pods/status"] == 1


def test_every_kind_that_is_updated_is_patched(api: InProcess) -> None:
    for strategy in api.server.api.registry:
        assert ("update" in strategy.verbs) == ("patch" in strategy.verbs)
