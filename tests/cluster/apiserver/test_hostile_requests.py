"""Requests by chance: never a defect's 500, always an answer in a form that was offered, and what
was stored can be read in every form.

``pytest tests/cluster/apiserver --requests 100000`` sends more of them.
"""

from __future__ import annotations

import gzip
import json
from random import Random

import pytest
import yaml

from cluster.apiserver.registry import served
from serialization.api.meta.v1_pb2 import Status
from serialization.codecs.registry import CODECS
from tests.cluster.apiserver.hostile import Attacker, HostileRequest
from tests.cluster.apiserver.hostile_words import ACCEPTED, PROTOBUF
from tests.cluster.apiserver.serving import InProcess, Reply, serving

DEFECT = "unexpected error; the server's log has it"
TOLD_AT_ONCE = 200
"""Requests between two looks at everything that is stored."""
FORMS = [each for each in ACCEPTED if each.startswith(("application/json", PROTOBUF))]


def status_of(reply: Reply) -> tuple[int, str]:
    """Return the code and message of a failure, whatever form it is in."""
    if reply.media_type == PROTOBUF:
        _kind, bare = CODECS["protobuf"].unwrap(reply.body)
        status = Status.FromString(bare)
        return status.code, status.message
    assert reply.media_type in {"application/json", "application/yaml"}, reply.headers
    read = yaml.safe_load if "yaml" in reply.media_type else json.loads
    tree = read(reply.body)
    assert tree["kind"] == "Status"
    return tree["code"], tree["message"]


def check(request: HostileRequest, reply: Reply) -> None:
    assert DEFECT.encode() not in reply.body, request
    if reply.code < 400 or request.method == "HEAD" or reply.media_type.startswith("text/plain"):
        return
    code, message = status_of(reply)
    assert code == reply.code, request
    assert message, request
    assert DEFECT not in message, request
    assert not any(b"\n" in value or b"\r" in value for _name, value in reply.headers), request


def read_everything(api: InProcess) -> None:
    for strategy in served():
        resource = strategy.resource
        if "list" not in strategy.verbs:
            continue
        base = f"/apis/{resource.group}/v1" if resource.group else "/api/v1"
        for accept in FORMS:
            reply = api.call("GET", f"{base}/{resource.plural}", headers={"accept": accept})
            if reply.code == 406:
                continue
            assert reply.code == 200, (resource.plural, accept, reply.body[:300])
            body = gzip.decompress(reply.body) if reply.header("content-encoding") else reply.body
            if reply.media_type.startswith("application/json"):
                json.loads(body)


@pytest.mark.slow
@pytest.mark.parametrize("storage_codec", ["protobuf", "orjson"])
def test_random_requests_meet_no_defect(storage_codec: str, requests: int, seed: int) -> None:
    attacker = Attacker(Random(f"{storage_codec}/{seed}"))

    with serving(storage_codec=storage_codec, virtual=True) as api:
        for number in range(requests):
            request = attacker.request()
            check(request, api.call(*request))
            if number % TOLD_AT_ONCE == TOLD_AT_ONCE - 1:
                read_everything(api)
        assert api.server.api.metrics.inflight == {"readOnly": 0, "mutating": 0}
        assert not any(api.server.api.metrics.watches.values())
