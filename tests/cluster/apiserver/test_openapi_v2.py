"""OpenAPI v2 in both media types: nothing is in it, and every client can read that."""

from __future__ import annotations

from tests.cluster.apiserver.serving import InProcess

ASKED = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"


def test_openapi_v2_is_told_in_json(api: InProcess) -> None:
    answer = api.call("GET", "/openapi/v2")

    assert answer.code == 200
    document = answer.json()
    assert (document["swagger"], document["paths"]) == ("2.0", {})


def test_openapi_v2_is_told_in_the_protobuf_that_clients_ask_for(api: InProcess) -> None:
    answer = api.call("GET", "/openapi/v2", headers={"accept": ASKED})

    assert answer.code == 200
    assert answer.header("content-type") == ASKED.replace("@", ".")
    info = b"\n\x0aKubernetes\x12\x10v1.32.0+kubedyno"
    assert answer.body == b"\n\x032.0\x12" + bytes([len(info)]) + info
